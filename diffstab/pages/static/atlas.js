// The atlas: many networks in one plot and one table. Rows that were measured in different ways share no plot.
"use strict";

(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const $ = (id) => document.getElementById(id), { element } = Matrix, { count } = Errors, { short } = Plot;
  const rows = Rows.decode(data), names = Object.keys(data.columns), errors = Errors.of(rows, data), { at, fresh, quantity, range, kind } = errors;
  const LOOKED = ["model", "family", "weights", "dataset", "key"]; // where words are looked for
  const EVERY = data.ways.length; // in place of a way of measuring: the table alone
  const RANKED = 20; // bars
  const table = Table.of([
    ["network", "model"], ["family", "family"], ["parameters / M", "parameters"], ["weights", "weights"], ["test error / %", "test_error.value"],
    ["R_f (lower is more stable)", "R.value"], ["D_f", "D.value"], ["G_f", "G.value"], ["data set and setting", "setting"],
  ]);
  const state = { way: 0, family: "", filter: () => true, sort: "R.value", falling: false, all: false, open: new Set(), chosen: new Set() };
  let shown = [];

  const inWay = () => [...rows.keys()].filter((place) => state.way === EVERY || data.way[place] === state.way);
  const isOf = (place) => state.family === "" || at(place, "family") === state.family;

  function by(name, places) {
    const found = new Map();
    for (const place of places) found.set(at(place, name), [...(found.get(at(place, name)) ?? []), place]);
    return found;
  }

  const known = (places) => places.filter((place) => at(place, "R.value") > 0);
  const rising = (places) => [...places].sort((i, k) => at(i, "R.value") - at(k, "R.value"));

  // the middle network of a family, and the range of R_f; every number is a row's
  function ofFamily([family, places]) {
    const own = rising(places), middle = own[Math.floor((own.length - 1) / 2)], ends = [own[0], own[own.length - 1]].map((place) => at(place, "R.value"));
    const told = () => `${family}: ${count(own.length, "row")}\nmiddle: ${at(middle, "model")}, R_f ${range(quantity(middle, "R"))}\nfrom ${at(own[0], "model")}, ${short(ends[0])}\nto ${at(own[own.length - 1], "model")}, ${short(ends[1])}`;
    return { name: family, family, value: at(middle, "R.value"), low: ends[0], high: ends[1], number: short(at(middle, "R.value")), kind: "trained", model: "", told };
  }

  function ofNetwork(place) {
    const [value, low, high] = quantity(place, "R");
    return { name: at(place, "model"), value, low, high, number: short(value), kind: kind(place), model: at(place, "model"), told: () => errors.told(place, at(place, "weights"), `R_f ${range([value, low, high])}`) };
  }

  // R_f of each family, of one family that of each row; the most stable first
  function bars(places) {
    const trained = known(places).filter((place) => !fresh(place)), own = trained.length ? trained : known(places), families = by("family", own);
    const apart = families.size > 1, items = apart ? [...families].map(ofFamily).sort((a, b) => a.value - b.value) : rising(own).map(ofNetwork);
    const left = items.length - RANKED;
    $("families").querySelector("h2").textContent = apart ? "R_f of each family" : `R_f of each row${state.family ? ` of ${state.family}` : ""}`;
    $("families").querySelector(".told").textContent = (apart ? "Bars end at the middle network of a family, lines are the range of its networks; a click chooses the family." : "Lines are 95 % intervals.") +
      " Bars begin at 1: the further to the left, the more stable." + (left > 0 ? ` ${apart ? count(left, "family", "families") : count(left, "row")} of higher R_f left out.` : "");
    return items.length && { items: items.slice(0, RANKED), label: errors.LOWER };
  }

  function plots() {
    const one = state.way !== EVERY, around = state.family && one ? inWay().filter((place) => !isOf(place)) : [];
    const drawn = one ? errors.plot(shown, $("quantity").value, true, around) : {}, ranked = one && bars(shown);
    $("plots").hidden = !one || (!shown.length && !ranked);
    if ($("plots").hidden) return;
    $("fit").textContent = drawn.fit;
    $("limits").hidden = !drawn.limits;
    $("around").hidden = !around.length;
    $("fresh").hidden = !shown.some(fresh) || !shown.every(fresh);
    $("error").querySelector("svg").classList.toggle("nothing", !drawn.plot);
    $("families").hidden = !ranked;
    if (drawn.plot) Plot.draw($("error").querySelector("svg"), drawn.plot);
    if (ranked) Bars.draw($("families").querySelector("svg"), ranked);
  }

  function highlight() {
    document.body.classList.toggle("marked", state.chosen.size > 0);
    for (const one of document.querySelectorAll("[data-model]")) one.classList.toggle("chosen", state.chosen.has(one.dataset.model));
    for (const one of document.querySelectorAll(".network")) one.setAttribute("aria-pressed", String(state.chosen.has(one.textContent)));
    $("none").disabled = !state.chosen.size;
  }

  function choose(model) {
    if (!state.chosen.delete(model)) state.chosen.add(model);
    highlight();
  }

  function listed() {
    shown = Rows.inOrder(rows, shown, state.sort, state.falling);
    const again = document.activeElement?.closest?.("[data-place]")?.dataset.place; // it is made anew and keeps the focus
    table.draw($("rows"), $("more"), rows, shown, state, { choose, toggle });
    if (again !== undefined) $("rows").querySelector(`[data-place="${again}"] [aria-expanded]`)?.focus();
    highlight();
  }

  function toggle(place) {
    if (!state.open.delete(place)) state.open.add(place);
    listed();
  }

  function render() {
    shown = inWay().filter((place) => isOf(place) && state.filter(rows[place]));
    $("shown").textContent = `${shown.length.toLocaleString("en")} of ${count(rows.length, "row")}`;
    plots();
    listed();
  }

  // families of the way of measuring; the chosen one stays if it is there
  function families() {
    const found = [...by("family", inWay())].sort(([a], [b]) => (a < b ? -1 : 1)), all = new Option(`all ${count(found.length, "family", "families")}`, "");
    $("family").replaceChildren(all, ...found.map(([family, own]) => new Option(`${family}: ${count(own.length, "row")}`, family)));
    if (!found.some(([family]) => family === state.family)) state.family = "";
    $("family").value = state.family;
  }

  function chooseFamily(family) {
    [state.family, state.all] = [family, false];
    $("family").value = family;
    render();
  }

  function chooseWay(way) {
    [state.way, state.all] = [way, false];
    families();
    render();
  }

  function read() {
    try {
      state.filter = Rows.filter($("filter").value, names, LOOKED);
      $("problem").textContent = "";
    } catch (error) {
      $("problem").textContent = error.message;
    }
    $("filter").setAttribute("aria-invalid", String($("problem").textContent !== ""));
    state.all = false;
    render();
  }

  function sort(column) {
    [state.sort, state.falling] = [column, state.sort === column && !state.falling];
    listed();
  }

  const times = data.ways.map(() => 0);
  for (const way of data.way) times[way]++;
  data.ways.forEach((way, k) => $("way").append(new Option(`${way}: ${count(times[k], "row")}`, k)));
  $("way").parentElement.hidden = EVERY === 1;
  if (EVERY > 1) $("way").append(new Option(`all ${EVERY} ways of measuring, the table alone: ${count(rows.length, "row")}`, EVERY));
  $("way").value = times.indexOf(times.reduce((a, b) => Math.max(a, b)));
  $("title").textContent = data.title;
  const of = (name) => new Set(rows.map((row) => row.get(name)));
  $("about").textContent = `${count(rows.length, "measurement")} of ${count(of("model").size, "network")} of ${count(of("family").size, "family", "families")} on ${[...of("dataset")].join(", ")}. ` +
    "R_f is the change of a network's output under a deformation over that under noise of the same size: lower is more stable, and well below 1 it is stable to deformations.";
  $("warnings").replaceChildren(...data.notes.map((text) => element("li", { class: "note" }, `Note: ${text}`)));
  table.head($("rows"), sort);
  Plot.listen($("error").querySelector("svg"), Plot.show, ({ model }) => choose(model));
  Plot.listen($("families").querySelector("svg"), Plot.show, ({ family, model }) => (family === undefined ? choose(model) : chooseFamily(family)));
  $("way").addEventListener("change", () => chooseWay(Number($("way").value)));
  $("family").addEventListener("change", () => chooseFamily($("family").value));
  $("filter").addEventListener("input", read);
  $("quantity").addEventListener("change", render);
  $("none").addEventListener("click", () => { state.chosen.clear(); highlight(); });
  $("more").addEventListener("click", () => { state.all = true; listed(); });
  $("csv").addEventListener("click", () => Table.save("atlas.csv", Rows.csv(shown.map((place) => rows[place]), names, $("spreadsheets").checked), "text/csv"));
  let width = innerWidth;
  addEventListener("resize", () => { if (width !== innerWidth) render(); width = innerWidth; });
  chooseWay(Number($("way").value));
  document.body.dataset.ready = "true";
})();
