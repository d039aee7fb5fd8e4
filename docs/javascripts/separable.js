/* The multiplications of a normal and of a depthwise-separable convolution. */
"use strict";

Widget.start("separable", (host) => {
  const { element, number, result } = Widget;
  const fields = {
    M: number("M, channels in", 3, 1, 4096, draw),
    N: number("N, maps out", 256, 1, 4096, draw),
    Dk: number("Dₖ, kernel", 5, 1, 31, draw),
    Dp: number("Dₚ, map's side", 8, 1, 1024, draw),
  };
  const table = element("table", { class: "counts" });
  const said = result();

  function draw() {
    const { M, N, Dk, Dp } = Object.fromEntries(
      Object.entries(fields).map(([name, field]) => [name, field.value])
    );
    const normal = Dk * Dk * M * Dp * Dp * N;
    const depthwise = Dk * Dk * M * Dp * Dp;
    const pointwise = M * Dp * Dp * N;
    const separable = depthwise + pointwise;
    const ratio = 1 / N + 1 / (Dk * Dk);
    const rows = [
      ["normal", "Dₖ² · M · Dₚ² · N", normal, "kernel"],
      ["depthwise", "Dₖ² · M · Dₚ²", depthwise, "output"],
      ["pointwise", "M · Dₚ² · N", pointwise, "output"],
      ["separable, both steps", "", separable, "output"],
    ];
    const most = Math.max(normal, separable);
    table.replaceChildren(
      ...rows.map(([name, formula, count, kind]) => {
        const bar = element("span", { class: `bar ${kind}` });
        bar.style.width = `${(100 * count) / most}%`;
        return element(
          "tr",
          {},
          element("th", { scope: "row" }, name, element("small", {}, formula)),
          element("td", { class: "count" }, count.toLocaleString("en-US"), bar)
        );
      })
    );
    said.textContent =
      `${separable.toLocaleString("en-US")} / ${normal.toLocaleString("en-US")} = ` +
      `1/${N} + 1/${Dk}² = ${ratio.toPrecision(4)}` +
      (ratio > 1 ? ": here the two steps are dearer." : ".");
    Object.assign(host.dataset, { normal, separable, ratio });
  }

  host.append(
    element("div", { class: "fields" }, ...Object.values(fields).map((field) => field.element)),
    table,
    said
  );
  draw();
});
