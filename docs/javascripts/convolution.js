/* A kernel that slides over a padded image: how many places it has, and what each adds up. */
"use strict";

Widget.start("convolution", (host) => {
  const { element, number, button, result, grid, replace, panel, signed } = Widget;
  const fields = {
    m: number("m, pixels a side", 5, 1, 10, draw),
    k: number("k, kernel", 3, 1, 7, draw),
    p: number("p, padding", 1, 0, 3, draw),
    s: number("s, stride", 2, 1, 5, draw),
  };
  const place = { i: 0, j: 0 };
  const length = result();
  const sum = result();
  let image = element("div");
  let map = element("div");
  let outputs = 0;

  const pixel = (i, j) => (3 * i + 5 * j) % 8;
  const weight = (u, v) => ((u + 2 * v) % 3) - 1;

  function values() {
    return { m: fields.m.value, k: fields.k.value, p: fields.p.value, s: fields.s.value };
  }

  function padded(i, j, { m, p }) {
    const [a, b] = [i - p, j - p];
    const inside = a >= 0 && a < m && b >= 0 && b < m;
    return { inside, value: inside ? pixel(a, b) : 0 };
  }

  function correlate(i, j, sizes) {
    let total = 0;
    for (let u = 0; u < sizes.k; u++)
      for (let v = 0; v < sizes.k; v++)
        total += padded(i * sizes.s + u, j * sizes.s + v, sizes).value * weight(u, v);
    return total;
  }

  function square(size, value) {
    return Array.from({ length: size }, (_, i) => Array.from({ length: size }, (_, j) => value(i, j)));
  }

  function draw() {
    const sizes = values();
    const { m, k, p, s } = sizes;
    const whole = m + 2 * p;
    outputs = k > whole ? 0 : Math.floor((whole - k) / s) + 1;
    length.textContent = outputs
      ? `⌊(${m} + 2·${p} − ${k})/${s}⌋ + 1 = ${outputs}`
      : `The kernel is longer than the padded image: ${k} > ${m} + 2·${p}.`;
    host.dataset.outputs = outputs;
    place.i = Math.max(0, Math.min(place.i, outputs - 1));
    place.j = Math.max(0, Math.min(place.j, outputs - 1));
    show(sizes, whole);
  }

  function show(sizes, whole) {
    const [top, left] = [place.i * sizes.s, place.j * sizes.s];
    const under = (i, j) =>
      outputs && i >= top && i < top + sizes.k && j >= left && j < left + sizes.k;
    const kind = (i, j) =>
      `${padded(i, j, sizes).inside ? "input" : "pad"} ${under(i, j) ? "kernel" : ""}`;
    const pixels = square(whole, (i, j) => padded(i, j, sizes).value);
    image = replace(image, grid("padded image", pixels, { kind }));
    const sums = square(outputs, (i, j) => signed(correlate(i, j, sizes)));
    map = replace(
      map,
      grid("feature map", sums, {
        kind: (i, j) => (i === place.i && j === place.j ? "output chosen" : "output"),
        label: (i, j) => `S(${i}, ${j}) = ${sums[i][j]}`,
        pressed: (i, j) => go(i, j),
      })
    );
    sum.textContent = outputs ? `S(${place.i}, ${place.j}) = ${sums[place.i][place.j]}` : "";
  }

  function go(i, j) {
    [place.i, place.j] = [i, j];
    draw();
  }

  function slide(step) {
    if (!outputs) return;
    const count = outputs * outputs;
    const next = (place.i * outputs + place.j + step + count) % count;
    go(Math.floor(next / outputs), next % outputs);
  }

  host.append(
    element("div", { class: "fields" }, ...Object.values(fields).map((field) => field.element)),
    length,
    element("div", { class: "parts" }, panel("image, padded with zeros", image), panel("feature map", map)),
    element("div", { class: "buttons" }, button("◀ Back", () => slide(-1)), button("Slide ▶", () => slide(1))),
    sum
  );
  // a cell that the keyboard reaches moves the kernel, too
  host.addEventListener("focusin", (event) => {
    const cells = [...map.children];
    const at = cells.indexOf(event.target);
    if (at >= 0 && at !== place.i * outputs + place.j) go(Math.floor(at / outputs), at % outputs);
  });
  draw();
});
