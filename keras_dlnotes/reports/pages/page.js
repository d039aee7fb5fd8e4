
"use strict";

// Without this script the page is complete; with it, tables sort and figures enlarge.

function wrapInButton(children, parent, label) {
  const button = document.createElement("button");
  button.type = "button";
  if (label) button.setAttribute("aria-label", label);
  button.append(...children);
  parent.prepend(button);
  return button;
}

function compareCells(first, second, direction) {
  if ((first.textContent === "") !== (second.textContent === "")) {
    return first.textContent === "" ? 1 : -1;
  }
  if ("number" in first.dataset && "number" in second.dataset) {
    const [a, b] = [first, second].map((cell) => Number(cell.dataset.number));
    if (Number.isNaN(a) || Number.isNaN(b)) return Number.isNaN(a) - Number.isNaN(b);
    return direction * ((a > b) - (a < b));
  }
  return direction * first.textContent.localeCompare(second.textContent, undefined, { numeric: true });
}

function sortBy(head) {
  const body = head.closest("table").tBodies[0];
  const direction = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
  for (const other of head.parentElement.cells) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", direction === 1 ? "ascending" : "descending");
  const rows = [...body.rows];
  rows.sort((a, b) => compareCells(a.cells[head.cellIndex], b.cells[head.cellIndex], direction));
  body.append(...rows);
}

for (const head of document.querySelectorAll("thead th")) {
  wrapInButton([...head.childNodes], head).addEventListener("click", () => sortBy(head));
}

const dialog = document.querySelector("dialog");

function enlarge(image) {
  const large = dialog.querySelector("img");
  large.src = image.src;
  large.alt = image.alt;
  dialog.setAttribute("aria-label", image.alt);
  dialog.showModal();
}

for (const image of document.querySelectorAll("figure img")) {
  const button = wrapInButton([image], image.parentElement, `Enlarge: ${image.alt}`);
  button.addEventListener("click", () => enlarge(image));
}

// A click beside the dialog's content lands on the dialog itself.
dialog.addEventListener("click", (event) => {
  if (event.target === dialog) dialog.close();
});
