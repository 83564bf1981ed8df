"use strict";

// Sort a table by the column whose heading was pressed; a second press turns the order round.
function sortBy(header) {
  const table = header.closest("table");
  const headers = [...header.parentElement.children];
  const column = headers.indexOf(header);
  const down = header.getAttribute("aria-sort") === "ascending";
  const value = (row) => row.children[column].dataset.value;
  const compare = (a, b) => {
    const [x, y] = [value(a), value(b)];
    if (x === "" || y === "") return (x === "") - (y === "");  // what is missing stays last
    const order = isNaN(x) || isNaN(y) ? x.localeCompare(y) : x - y;
    return down ? -order : order;
  };
  const body = table.tBodies[0];
  body.append(...[...body.rows].sort(compare));
  for (const other of headers) other.setAttribute("aria-sort", "none");
  header.setAttribute("aria-sort", down ? "descending" : "ascending");
}

// Save the numbers of a table, whole and unrounded.
function saveTable(name) {
  const source = document.querySelector(`script[type="text/csv"][data-name="${CSS.escape(name)}"]`);
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([JSON.parse(source.textContent)], { type: "text/csv" }));
  link.download = `${name}.csv`;
  link.click();
  URL.revokeObjectURL(link.href);
}

for (const button of document.querySelectorAll(".sortable thead button")) {
  button.addEventListener("click", () => sortBy(button.parentElement));
}
for (const button of document.querySelectorAll("button.csv")) {
  button.addEventListener("click", () => saveTable(button.dataset.table));
}

// On paper everything is open.
addEventListener("beforeprint", () => {
  for (const part of document.querySelectorAll("details")) part.open = true;
});
