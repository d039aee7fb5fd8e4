/* Max pooling: which pixels get the gradient of the pooled cells that are switched on. */
"use strict";

Widget.start("pooling", (host) => {
  const { element, number, button, result, grid, replace, panel } = Widget;
  const NOTES = [
    [12, 37, 11, 72],
    [9, 83, 92, 11],
    [5, 17, 11, 13],
    [21, 16, 15, 4],
  ];
  const TIES = [
    [3, 3, 1, 2],
    [3, 3, 2, 2],
    [0, 5, 5, 1],
    [5, 0, 1, 1],
  ];
  const fields = {
    k: number("k, window", 2, 1, 4, restart),
    s: number("s, stride", 1, 1, 4, restart),
  };
  const said = result();
  let values = NOTES;
  let on = new Set(["0,0"]);
  let image = element("div");
  let pooled = element("div");
  let gradient = element("div");

  function outputs() {
    return Math.floor((values.length - fields.k.value) / fields.s.value) + 1;
  }

  /* The place of the first maximum, row by row. */
  function winner(i, j) {
    const [k, s] = [fields.k.value, fields.s.value];
    let best = [i * s, j * s];
    for (let a = i * s; a < i * s + k; a++)
      for (let b = j * s; b < j * s + k; b++)
        if (values[a][b] > values[best[0]][best[1]]) best = [a, b];
    return best;
  }

  function draw() {
    const count = outputs();
    const total = values.map((row) => row.map(() => 0));
    const seen = values.map((row) => row.map(() => false));
    const cells = Array.from({ length: count }, () => Array(count).fill(0));
    for (let i = 0; i < count; i++)
      for (let j = 0; j < count; j++) {
        const [a, b] = winner(i, j);
        cells[i][j] = values[a][b];
        if (!on.has(`${i},${j}`)) continue;
        total[a][b] += 1;
        for (let u = 0; u < fields.k.value; u++)
          for (let v = 0; v < fields.k.value; v++)
            seen[i * fields.s.value + u][j * fields.s.value + v] = true;
      }
    image = replace(
      image,
      grid("image", values, {
        kind: (i, j) => (total[i][j] ? "gradient" : seen[i][j] ? "input" : ""),
      })
    );
    const isOn = (i, j) => on.has(`${i},${j}`);
    pooled = replace(
      pooled,
      grid("pooled", cells, {
        kind: (i, j) => (isOn(i, j) ? "gradient chosen" : "output"),
        label: (i, j) => `window ${i + 1}, ${j + 1}: maximum ${cells[i][j]}`,
        pressed: toggle,
      })
    );
    [...pooled.children].forEach((cell, at) =>
      cell.setAttribute("aria-pressed", String(isOn(Math.floor(at / count), at % count)))
    );
    gradient = replace(
      gradient,
      grid("gradient", total, { kind: (i, j) => (total[i][j] ? "gradient" : "") })
    );
    const won = [];
    total.forEach((row, i) =>
      row.forEach((share, j) => {
        if (share) won.push(`x(${i + 1}, ${j + 1}) = ${values[i][j]} gets ${share} · D`);
      })
    );
    said.textContent = won.length ? `${won.join("; ")}.` : "No pooled cell is switched on.";
    host.dataset.gradient = JSON.stringify(total);
  }

  function toggle(i, j) {
    const key = `${i},${j}`;
    if (!on.delete(key)) on.add(key);
    draw();
  }

  function all() {
    const count = outputs();
    const keys = Array.from({ length: count * count }, (_, n) => `${Math.floor(n / count)},${n % count}`);
    on = keys.every((key) => on.has(key)) ? new Set() : new Set(keys);
    draw();
  }

  function restart() {
    on = new Set(["0,0"]);
    draw();
  }

  function take(table) {
    values = table;
    restart();
  }

  host.append(
    element("div", { class: "fields" }, fields.k.element, fields.s.element),
    element(
      "div",
      { class: "buttons" },
      button("The notes' image", () => take(NOTES)),
      button("An image with ties", () => take(TIES)),
      button("All on or off", all)
    ),
    element(
      "div",
      { class: "parts" },
      panel("image", image),
      panel("pooled: press a cell", pooled),
      panel("gradient, in D", gradient)
    ),
    said
  );
  draw();
});
