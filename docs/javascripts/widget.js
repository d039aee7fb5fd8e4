/* What the widgets share: elements, number fields, buttons and grids of cells that arrow keys move in. */
"use strict";

const Widget = (() => {
  function element(tag, attributes = {}, ...children) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
      else made.setAttribute(name, value);
    }
    made.append(...children);
    return made;
  }

  /* A field of whole numbers; what is not one between `min` and `max` is marked and not taken. */
  function number(label, value, min, max, changed) {
    const input = element("input", { type: "number", inputmode: "numeric", value, min, max, step: 1 });
    const field = { element: element("label", {}, label, input), input, value };
    input.addEventListener("input", () => {
      const typed = Number(input.value);
      const good = input.value !== "" && Number.isInteger(typed) && typed >= min && typed <= max;
      input.setAttribute("aria-invalid", String(!good));
      if (good) {
        field.value = typed;
        changed();
      }
    });
    return field;
  }

  function button(label, pressed) {
    return element("button", { type: "button", onclick: pressed }, label);
  }

  /* What a screen reader says when it changes. */
  function result() {
    return element("p", { class: "result", "aria-live": "polite" });
  }

  /* Rows of cells; with `pressed`, buttons of which one at a time is in the order of the tab key. */
  function grid(name, rows, { kind = () => "", pressed = null, label = (i, j) => "" } = {}) {
    const columns = rows.length ? rows[0].length : 0;
    const made = element("div", { class: "cells", role: "group", "aria-label": name });
    made.style.setProperty("--columns", columns);
    rows.forEach((row, i) =>
      row.forEach((value, j) => {
        const cell = element(pressed ? "button" : "span", { class: `cell ${kind(i, j)}` }, value);
        if (pressed) {
          cell.type = "button";
          cell.tabIndex = i || j ? -1 : 0;
          cell.setAttribute("aria-label", label(i, j));
          cell.addEventListener("click", () => pressed(i, j));
        }
        made.append(cell);
      })
    );
    made.addEventListener("keydown", (event) => move(event, made, columns));
    return made;
  }

  const STEPS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };

  function move(event, within, columns) {
    const step = STEPS[event.key];
    const cells = [...within.children];
    const from = cells.indexOf(document.activeElement);
    if (!step || from < 0) return;
    event.preventDefault();
    const [i, j] = [Math.floor(from / columns) + step[0], (from % columns) + step[1]];
    const target = j >= 0 && j < columns ? cells[i * columns + j] : undefined;
    if (!target) return;
    cells[from].tabIndex = -1;
    target.tabIndex = 0;
    target.focus();
  }

  /* Puts a grid in the place of its last state; the focus stays on the same cell. */
  function replace(old, made) {
    const cells = [...old.children];
    const focused = cells.indexOf(document.activeElement);
    const reached = cells.findIndex((cell) => cell.tabIndex === 0);
    old.replaceWith(made);
    const kept = made.children[Math.max(focused, reached)];
    if (kept && kept.tagName === "BUTTON") {
      made.firstChild.tabIndex = -1;
      kept.tabIndex = 0;
      if (focused >= 0) kept.focus();
    }
    return made;
  }

  /* Builds the widget of this name wherever the page has one. */
  function start(name, build) {
    for (const host of document.querySelectorAll(`[data-widget="${name}"]`)) {
      host.replaceChildren();
      build(host);
    }
  }

  function panel(title, ...children) {
    return element("div", { class: "part" }, element("h4", {}, title), ...children);
  }

  function signed(value) {
    return String(value).replace("-", "−");
  }

  return { element, number, button, result, grid, replace, start, panel, signed };
})();
