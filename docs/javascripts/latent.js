/* A plane of codes: the point under the finger, decoded by the layers that the page brings along. */
"use strict";

Widget.start("latent", (host) => {
  const { element, result } = Widget;
  const { layers, codes, side, reach } = JSON.parse(document.getElementById("latent-data").textContent);
  const SIZE = 280;
  const STEP = 0.05; // of an arrow key, in units of the plane
  const point = { x: 0, y: 0 };
  const plane = element("canvas", {
    width: SIZE,
    height: SIZE,
    tabindex: 0,
    role: "application",
    "aria-label": "Plane of codes; arrow keys move the point",
  });
  const picture = element("canvas", { width: side, height: side, class: "pixels", role: "img" });
  const said = result();

  /* Dense layers of tanh; the last one is a sigmoid, so that pixels lie between 0 and 1. */
  function decode(code) {
    return layers.reduce((values, { kernel, bias }, at) => {
      const sums = bias.map((start, out) =>
        values.reduce((sum, value, i) => sum + value * kernel[i][out], start)
      );
      return at < layers.length - 1 ? sums.map(Math.tanh) : sums.map((sum) => 1 / (1 + Math.exp(-sum)));
    }, code);
  }

  function draw() {
    const pixels = decode([point.x, point.y]);
    const context = picture.getContext("2d");
    const image = context.createImageData(side, side);
    pixels.forEach((value, n) => image.data.set([0, 0, 0, 255 * value].map(Math.round), 4 * n));
    context.putImageData(image, 0, 0);
    drawPlane();
    const nearest = codes.reduce((best, code) => (distance(code) < distance(best) ? code : best));
    const far = distance(nearest);
    said.textContent =
      `z = (${point.x.toFixed(2)}, ${point.y.toFixed(2)}); the nearest code of an image is a ` +
      `${nearest[2]}, ${far.toFixed(2)} away.`;
    picture.setAttribute("aria-label", `Decoded picture, near the codes of ${nearest[2]}`);
    host.dataset.pixels = JSON.stringify(pixels.map((value) => Number(value.toFixed(4))));
  }

  function distance([x, y]) {
    return Math.hypot(x - point.x, y - point.y);
  }

  function place(value, up) {
    return (SIZE / 2) * (1 + (up ? -1 : 1) * (value / reach));
  }

  function drawPlane() {
    const context = plane.getContext("2d");
    context.clearRect(0, 0, SIZE, SIZE);
    context.font = "11px system-ui, sans-serif";
    context.textAlign = "center";
    context.textBaseline = "middle";
    const style = getComputedStyle(host);
    for (const [x, y, digit] of codes) {
      context.fillStyle = `hsl(${36 * digit} 55% ${style.getPropertyValue("--lightness")})`;
      context.fillText(digit, place(x), place(y, true));
    }
    context.strokeStyle = style.getPropertyValue("--ink");
    context.lineWidth = 2;
    context.beginPath();
    context.arc(place(point.x), place(point.y, true), 8, 0, 2 * Math.PI);
    context.stroke();
  }

  function go(x, y) {
    point.x = Math.max(-reach, Math.min(reach, x));
    point.y = Math.max(-reach, Math.min(reach, y));
    draw();
  }

  function follow(event) {
    const box = plane.getBoundingClientRect();
    const [right, down] = [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
    go(reach * (2 * right - 1), reach * (1 - 2 * down));
  }

  plane.addEventListener("pointerdown", (event) => {
    plane.setPointerCapture(event.pointerId);
    follow(event);
  });
  plane.addEventListener("pointermove", (event) => {
    if (event.buttons || event.pointerType === "mouse") follow(event);
  });
  plane.addEventListener("keydown", (event) => {
    const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
    if (!(event.key in steps)) return;
    event.preventDefault();
    const [dx, dy] = steps[event.key].map((step) => step * STEP);
    go(point.x + dx, point.y + dy);
  });
  // the other scheme has other colours
  new MutationObserver(drawPlane).observe(document.body, { attributeFilter: ["data-md-color-scheme"] });

  host.append(
    element("div", { class: "parts" }, Widget.panel("codes z of images", plane), Widget.panel("decoded", picture)),
    said
  );
  draw();
});
