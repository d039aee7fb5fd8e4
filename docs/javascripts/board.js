/* a(bc + d) + ac on a board of three places: what is read, written and forgotten at each step. */
"use strict";

Widget.start("board", (host) => {
  const { element, number, button, result, signed } = Widget;
  const fields = {
    a: number("a", 2, -99, 99, draw),
    b: number("b", 10, -99, 99, draw),
    c: number("c", 3, -99, 99, draw),
    d: number("d", 5, -99, 99, draw),
  };
  /* The place that is written to, what is written, and the places that are read for it. */
  const STEPS = [
    { to: 0, name: "b", of: ({ b }) => b, reads: [], why: "a and d would not help yet" },
    { to: 1, name: "c", of: ({ c }) => c, reads: [], why: "bc needs it" },
    { to: 2, name: "bc", of: ({ b, c }) => b * c, reads: [0, 1], why: "both factors are there" },
    { to: 0, name: "d", of: ({ d }) => d, reads: [], why: "b is not needed any more" },
    { to: 1, name: "bc + d", of: ({ b, c, d }) => b * c + d, reads: [2, 0], why: "c gives way, and comes back later" },
    { to: 2, name: "a", of: ({ a }) => a, reads: [], why: "bc is in the sum already" },
    { to: 0, name: "a(bc + d)", of: ({ a, b, c, d }) => a * (b * c + d), reads: [2, 1], why: "d is in the sum already" },
    { to: 1, name: "c", of: ({ c }) => c, reads: [], why: "bc + d is in the product already" },
    { to: 2, name: "ac", of: ({ a, c }) => a * c, reads: [2, 1], why: "a is not needed any more" },
    {
      to: 1,
      name: "a(bc + d) + ac",
      of: ({ a, b, c, d }) => a * (b * c + d) + a * c,
      reads: [0, 2],
      why: "the result",
    },
  ];
  const places = element("ol", { class: "places" });
  const said = result();
  const back = button("◀ Back", () => go(-1));
  const next = button("Next step ▶", () => go(1));
  let step = 0;

  function go(by) {
    step = Math.min(STEPS.length, Math.max(0, step + by));
    draw();
  }

  function draw() {
    const letters = Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, field.value]));
    const board = [null, null, null];
    for (const done of STEPS.slice(0, step - 1 < 0 ? 0 : step - 1)) board[done.to] = done;
    const now = step ? STEPS[step - 1] : null;
    const forgotten = now ? board[now.to] : null;
    if (now) board[now.to] = now;
    places.replaceChildren(
      ...board.map((written, place) => {
        const kinds = ["place"];
        if (now && now.to === place) kinds.push("output");
        else if (now && now.reads.includes(place)) kinds.push("gate");
        const text = written ? `${written.name} = ${signed(written.of(letters))}` : "—";
        return element("li", { class: kinds.join(" ") }, text);
      })
    );
    said.textContent = now ? sentence(now, forgotten, letters) : "The board is empty; it has three places.";
    host.dataset.value = now ? now.of(letters) : "";
    back.disabled = step === 0;
    next.disabled = step === STEPS.length;
  }

  function sentence(now, forgotten, letters) {
    const parts = [];
    const names = (now.reads.length ? now.reads : []).map((place) => before(place));
    if (names.length) parts.push(`Read ${names.join(" and ")}`);
    if (forgotten) parts.push(`${parts.length ? "forget" : "Forget"} ${forgotten.name}`);
    parts.push(`${parts.length ? "write" : "Write"} ${now.name} = ${signed(now.of(letters))}`);
    return `Step ${step} of ${STEPS.length}. ${parts.join(", ")}: ${now.why}.`;
  }

  /* What a place held before this step. */
  function before(place) {
    return STEPS.slice(0, step - 1).findLast((done) => done.to === place).name;
  }

  host.append(
    element("div", { class: "fields" }, ...Object.values(fields).map((field) => field.element)),
    places,
    element("div", { class: "buttons" }, back, next),
    said
  );
  draw();
});
