// Paired comparisons as a table: each cell is R of its row over R of its column.
"use strict";

const Matrix = (() => {
  const SURE = 0.05, NARROW = 3, MIDDLING = 7; // p; columns that narrow windows show, and windows of middling width

  const element = (name, attributes = {}, ...inner) => {
    const one = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) one.setAttribute(key, value);
    one.append(...inner);
    return one;
  };

  const short = (value) => Number(value.toPrecision(2)).toString();
  const end = (value, otherwise) => (value === null ? otherwise : Number(value.toPrecision(3)).toString());
  const chance = (p) => (p < 1e-6 ? "p < 1e-6" : `p = ${Number(p.toPrecision(2))}`);

  function cell([ratio, low, high, p], flipped, about) {
    const [value, from, to] = flipped ? [1 / ratio, high === null ? null : 1 / high, low === null ? null : 1 / low] : [ratio, low, high];
    const kind = p >= SURE ? "open" : value < 1 ? "lower" : "higher";
    const sign = { open: "=", lower: "▼", higher: "▲" }[kind], word = { open: "not told apart", lower: "lower", higher: "higher" }[kind];
    const one = element("td", { class: kind }, `${short(value)} `, element("span", { "aria-hidden": "true" }, sign));
    one.append(element("span", { class: "hidden" }, word));
    one.title = `${about}: ratio ${end(value, "")} (${end(from, "0")} to ${end(to, "infinity")}), ${chance(p)} after Holm: ${word}`;
    return one;
  }

  // a section for one setting
  function table({ told, names, models, ranks, pairs, of }, number) {
    const found = new Map(pairs.map(([i, k, ...numbers]) => [`${i} ${k}`, numbers]));
    const head = element("tr", {}, element("th", { scope: "col" }, "R_f of … over that of"), element("th", { scope: "col" }, "rank, 95 %"));
    const far = (k) => (k < NARROW ? "" : k < MIDDLING ? "far" : "far farther");
    names.forEach((name, k) => head.append(element("th", { scope: "col", title: name, class: far(k) }, element("span", { "aria-hidden": "true" }, String(k + 1)), element("span", { class: "hidden" }, name))));
    const body = element("tbody");
    names.forEach((name, i) => {
      const [, low, high] = ranks[i], line = element("tr", { "data-model": models[i] });
      line.append(element("th", { scope: "row" }, element("span", { "aria-hidden": "true", class: "place" }, `${i + 1} `), name), element("td", {}, low === high ? String(low) : `${low} to ${high}`));
      names.forEach((other, k) => {
        const one = i === k ? element("td", { class: "self" }, "1") : cell(found.get(i < k ? `${i} ${k}` : `${k} ${i}`), i > k, `${name} over ${other}`);
        one.className += ` ${far(k)}`;
        line.append(one);
      });
      body.append(line);
    });
    const few = of > names.length ? `; the ${names.length} of lowest R of ${of} networks` : "";
    const name = `Paired comparison ${number + 1}: ${told}`, whole = element("table", { class: "matrix" }, element("thead", {}, head), body);
    const wider = element("p", { class: `told ${names.length > MIDDLING ? "narrow middling" : "narrow"}` }, "Over the most stable networks; a wider window shows all.");
    return element("section", { "aria-label": name }, element("p", { class: "told" }, `${told}${few}`), ...(names.length > NARROW ? [wider] : []),
      element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": `Table of ${name}` }, whole));
  }

  return { table, element };
})();
