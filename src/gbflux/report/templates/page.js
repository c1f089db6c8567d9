"use strict";
(() => {
  const root = document.documentElement;

  // dark or light: the system's choice until the button is pressed
  const theme = document.getElementById("theme");
  const isDark = () => root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  const name = () => { theme.textContent = isDark() ? "Light" : "Dark"; };
  theme.hidden = false;
  theme.addEventListener("click", () => { root.dataset.theme = isDark() ? "light" : "dark"; name(); });
  name();

  // tables: a button in each head sorts; numbers before words, words before nothing, in both directions
  const words = new Intl.Collator("en", { numeric: true });
  const key = (row, column) => {
    const cell = row.cells[column];
    if (cell.dataset.sort !== undefined) return [0, Number(cell.dataset.sort)];
    const text = cell.textContent.trim();
    return text === "–" || text === "" ? [2, ""] : [1, text];
  };
  const sort = (table, column, descending) => {
    const body = table.tBodies[0], sign = descending ? -1 : 1;
    const rows = Array.from(body.rows, (row, place) => ({ row, place, key: key(row, column) }));
    rows.sort((a, b) => a.key[0] - b.key[0]
      || sign * (a.key[0] === 0 ? a.key[1] - b.key[1] : words.compare(a.key[1], b.key[1])) || a.place - b.place);
    body.append(...rows.map((one) => one.row));
    Array.from(table.tHead.rows[0].cells, (head, k) => {
      if (k === column) head.setAttribute("aria-sort", descending ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    });
  };
  for (const table of document.querySelectorAll("table.sortable")) {
    Array.from(table.tHead.rows[0].cells, (head, column) => {
      head.firstElementChild.addEventListener("click", () => sort(table, column, head.getAttribute("aria-sort") === "ascending"));
    });
  }

  // a filter above each table
  for (const input of document.querySelectorAll("input[data-filter]")) {
    const rows = Array.from(document.getElementById(input.dataset.filter).tBodies[0].rows);
    const count = document.querySelector(`[data-count="${input.dataset.filter}"]`);
    input.addEventListener("input", () => {
      const wanted = input.value.trim().toLowerCase();
      for (const row of rows) row.hidden = !row.textContent.toLowerCase().includes(wanted);
      const left = rows.filter((row) => !row.hidden).length;
      count.textContent = left === rows.length ? `${left} rows` : `${left} of ${rows.length} rows`;
    });
  }

  // #sort=TABLE:COLUMN or #sort=TABLE:COLUMN:descending opens the page sorted
  const asked = /^#sort=([\w-]+):(\d+)(:descending)?$/.exec(location.hash);
  const table = asked && document.getElementById(asked[1]);
  if (table && table.matches("table.sortable") && table.tHead.rows[0].cells[asked[2]]) sort(table, Number(asked[2]), Boolean(asked[3]));
})();
