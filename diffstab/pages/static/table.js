// The table of measurements: sorted by its headers, every setting of a row on demand.
"use strict";

const Table = (() => {
  const { element } = Matrix, { short } = Plot;
  const AT_FIRST = 100; // rows; the others on demand
  const COLUMNS = [
    ["network", "model"], ["weights", "weights"], ["test error / %", "test_error.value"], ["R_f (lower is more stable)", "R.value"], ["D_f", "D.value"],
    ["G_f", "G.value"], ["images", "images"], ["seed", "seed"], ["c", "cutoff"], ["delta / px", "delta"],
  ];
  const NARROW = new Set(["model", "test_error.value", "R.value"]); // that narrow windows show, too; the weights below the network
  const TEXTS = new Set(["model", "weights", "family", "dataset", "setting"]);

  // a hash is told by its beginning, a path by its end
  const brief = (text) => (/^[0-9a-f]{40,}\+?$/.test(text) ? text.slice(0, 12) : text.length > 24 && text.includes("/") ? `…${text.slice(-23)}` : text);

  // a name may break after each of its parts
  const broken = (text) => text.split(/(?<=[_/])|(?<=\.)(?=[a-z])/).flatMap((part, k) => (k ? [element("wbr"), part] : [part]));

  function measured(row, column) {
    const name = column.replace(/\.value$/, ""), factor = name === "test_error" ? 100 : 1;
    const [value, low, high] = ["value", "low", "high"].map((end) => row.get(`${name}.${end}`)).map((v) => (v === undefined ? v : short(factor * v)));
    if (value === undefined) return element("td", {}, "");
    const one = element("td", {}, value);
    if (low !== undefined) one.append(" ", element("span", { class: "interval" }, `${low}–`, element("wbr"), high));
    return one;
  }

  function cell(row, column) {
    if (column.endsWith(".value")) return measured(row, column);
    const value = row.get(column);
    if (column === "parameters") return element("td", {}, typeof value === "number" ? short(value / 1e6) : "");
    if (column === "setting") return element("td", { class: "text setting" }, String(value));
    if (typeof value === "number") return element("td", {}, Number.isInteger(value) ? String(value) : short(value));
    return element("td", { class: "text" }, ...(value === undefined ? [] : broken(brief(String(value)))));
  }

  // a table of these columns, [title, name] each; narrow windows show those of `narrow` alone
  function of(columns = COLUMNS, narrow = NARROW) {
    function settings(row, place) {
      const list = element("dl");
      for (const [name, value] of row) list.append(element("div", {}, element("dt", {}, name), element("dd", {}, String(value))));
      return element("tr", { id: `settings-${place}` }, element("td", { colspan: String(columns.length + 1) }, list));
    }

    function line(row, place, { open, toggle, choose }) {
      const one = element("tr"), model = row.get("model"), opened = open.has(place);
      one.dataset.model = model;
      const network = element("button", { type: "button", class: "network", "aria-pressed": "false" }, ...broken(model));
      network.addEventListener("click", () => choose(model));
      one.append(element("th", { scope: "row" }, network, element("span", { class: "narrow interval" }, brief(String(row.get("weights") ?? "")))));
      for (const [, column] of columns.slice(1)) {
        const own = cell(row, column);
        if (!narrow.has(column)) own.classList.add("wide");
        one.append(own);
      }
      const about = { type: "button", "aria-expanded": String(opened), "aria-label": `settings of ${model}` };
      const button = element("button", opened ? { ...about, "aria-controls": `settings-${place}` } : about, "settings");
      button.addEventListener("click", () => toggle(place));
      one.append(element("td", {}, button));
      one.dataset.place = place;
      return opened ? [one, settings(row, place)] : [one];
    }

    function head(table, sort) {
      const line = element("tr");
      for (const [title, column] of columns) {
        const button = element("button", { type: "button", "data-column": column }, title);
        button.addEventListener("click", () => sort(column));
        line.append(element("th", { scope: "col", class: `${TEXTS.has(column) ? "" : "number"}${narrow.has(column) ? "" : " wide"}` }, button));
      }
      line.append(element("th", { scope: "col" }, element("span", { class: "hidden" }, "settings")));
      table.tHead.replaceChildren(line);
    }

    function draw(table, more, rows, places, state, act) {
      for (const header of table.tHead.querySelectorAll("button")) {
        const own = header.dataset.column === state.sort, title = columns.find(([, column]) => column === header.dataset.column)[0];
        header.textContent = own ? `${title} ${state.falling ? "▼" : "▲"}` : title;
        if (own) header.parentElement.setAttribute("aria-sort", state.falling ? "descending" : "ascending");
        else header.parentElement.removeAttribute("aria-sort");
      }
      const shown = state.all ? places : places.slice(0, AT_FIRST);
      table.tBodies[0].replaceChildren(...shown.flatMap((place) => line(rows[place], place, { open: state.open, ...act })));
      more.hidden = shown.length === places.length;
      more.textContent = `Show the other ${places.length - shown.length} rows`;
    }

    return { head, draw };
  }

  function save(name, text, type) {
    const link = element("a", { download: name, href: URL.createObjectURL(new Blob([text], { type })) });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  }

  return { of, save };
})();
