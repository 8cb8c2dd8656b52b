"use strict";
const data = JSON.parse(document.getElementById("data").textContent);

function element(name, text, attributes = {}) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

// Tables: a click on a heading sorts by its column, a second one the other way round.

function valueOf(row, column) {
  const cell = row.cells[column];
  const text = cell.dataset.value ?? cell.textContent.trim();
  if (text === "-" || text === "") return null;
  const part = text.match(/^(\d+) of (\d+)$/);
  if (part) return part[1] / part[2];
  const number = parseFloat(text.replace("%", "").replace(/,/g, ""));
  return Number.isNaN(number) || /^[A-Za-z]/.test(text) ? text.toLowerCase() : number;
}

function compare(a, b) {
  if (typeof a === "number" && typeof b === "number") return a - b;
  if (typeof a === typeof b) return a < b ? -1 : Number(a > b);
  return typeof a === "number" ? -1 : 1;
}

function sort(table, column, descending) {
  for (const body of table.tBodies) {
    const pairs = [...body.rows].filter((row) => !row.matches(".cells"));
    const followers = new Map(pairs.map((row) => [row, row.nextElementSibling]));
    pairs.sort((a, b) => {
      const [one, other] = [valueOf(a, column), valueOf(b, column)];
      // What is not known comes last, whichever way the others stand.
      if (one === null || other === null) return Number(one === null) - Number(other === null);
      return descending ? -compare(one, other) : compare(one, other);
    });
    for (const row of pairs) {
      body.append(row);
      if (followers.get(row)?.matches(".cells")) body.append(followers.get(row));
    }
  }
}

for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const button = element("button", head.textContent, { type: "button", class: "sort" });
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const descending = head.getAttribute("aria-sort") === "ascending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", descending ? "descending" : "ascending");
      sort(table, column, descending);
    });
  });
}

// Leaderboard: its filters choose one of the boards made for them, and hide costly recipes.

const filters = document.getElementById("filters");
const ranking = document.getElementById("ranking");

function filter() {
  const chosen = filters.elements;
  const key = [chosen.family, chosen.steps, chosen.target].map((one) => one.value).join("|");
  const board = data.boards[key];
  for (const body of ranking.tBodies) body.hidden = Number(body.dataset.board) !== board;
  const remark = board === undefined ? "No sparse runs are there of that task, length and target." : data.remarks[board];
  document.getElementById("remark").textContent = remark;
  const most = parseFloat(chosen.flops.value || "Infinity");
  for (const row of ranking.querySelectorAll("tr[data-flops]")) {
    row.hidden = most < Infinity && !(parseFloat(row.dataset.flops) <= most);
    if (row.hidden) fold(row, false);
  }
}

function fold(row, opened) {
  row.querySelector(".open").setAttribute("aria-expanded", opened);
  row.nextElementSibling.hidden = !opened;
}

ranking.addEventListener("click", (event) => {
  const button = event.target.closest(".open");
  if (button) fold(button.closest("tr"), button.getAttribute("aria-expanded") !== "true");
});
["family", "steps", "target"].forEach((name, i) => { filters.elements[name].value = data.first[i]; });
filters.addEventListener("change", filter);
filter();

// Links to a claim open it.

function openLinked() {
  const linked = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!linked) return;
  const folded = linked.querySelector(":scope > details:not(.claim)");
  if (folded) folded.open = true;
  for (let one = linked; one; one = one.parentElement) if (one.matches("details")) one.open = true;
  linked.scrollIntoView();
}
window.addEventListener("hashchange", openLinked);
openLinked();
