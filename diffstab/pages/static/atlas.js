// The atlas: many networks in one plot and one table. Rows that were measured in different ways share no plot.
"use strict";

(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const $ = (id) => document.getElementById(id), { count } = Errors, { short } = Plot;
  const rows = Rows.decode(data), errors = Errors.of(rows, data), { at, fresh, quantity, range, kind } = errors;
  const RANKED = 20; // bars
  const table = Table.of([
    ["network", "model"], ["family", "family"], ["parameters / M", "parameters"], ["weights", "weights"], ["test error / %", "test_error.value"],
    ["R_f (lower is more stable)", "R.value"], ["D_f", "D.value"], ["G_f", "G.value"], ["data set and setting", "setting"],
  ]);
  const choices = Choices.of(data, rows, {
    looked: ["model", "family", "weights", "dataset", "key"], table, all: "ways of measuring, the table alone", file: "atlas.csv", turned: families, render,
  });
  const { state, EVERY, inWay } = choices;
  let chosen = ""; // family; none for all

  const isOf = (place) => chosen === "" || at(place, "family") === chosen;

  function by(name, places) {
    const found = new Map();
    for (const place of places) {
      if (found.has(at(place, name))) found.get(at(place, name)).push(place);
      else found.set(at(place, name), [place]);
    }
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
    $("families").querySelector("h2").textContent = apart ? "R_f of each family" : `R_f of each row${chosen ? ` of ${chosen}` : ""}`;
    $("families").querySelector(".told").textContent = (apart ? "Bars end at the middle network of a family, lines are the range of its networks; a click chooses the family." : "Lines are 95 % intervals.") +
      " Bars begin at 1: the further to the left, the more stable." + (left > 0 ? ` ${apart ? count(left, "family", "families") : count(left, "row")} of higher R_f left out.` : "");
    return items.length && { items: items.slice(0, RANKED), label: errors.LOWER };
  }

  function plots() {
    const { shown } = state, one = state.way !== EVERY, around = chosen && one ? inWay().filter((place) => !isOf(place)) : [];
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

  function render() {
    state.shown = inWay().filter((place) => isOf(place) && state.filter(rows[place]));
    $("shown").textContent = `${state.shown.length.toLocaleString("en")} of ${count(rows.length, "row")}`;
    plots();
    choices.list();
  }

  // of another way of measuring; the chosen family stays if it is there
  function families() {
    const found = [...by("family", inWay())].sort(([a], [b]) => (a < b ? -1 : 1)), all = new Option(`all ${count(found.length, "family", "families")}`, "");
    $("family").replaceChildren(all, ...found.map(([family, own]) => new Option(`${family}: ${count(own.length, "row")}`, family)));
    if (!found.some(([family]) => family === chosen)) chosen = "";
    $("family").value = chosen;
    render();
  }

  function chooseFamily(family) {
    [chosen, state.all] = [family, false];
    $("family").value = family;
    render();
  }

  const of = (name) => new Set(rows.map((row) => row.get(name)));
  $("about").textContent = Choices.about(`${count(rows.length, "measurement")} of ${count(of("model").size, "network")} of ${count(of("family").size, "family", "families")} on ${[...of("dataset")].join(", ")}`);
  Choices.notes(data.notes.map((text) => ["note", `Note: ${text}`]));
  Plot.listen($("error").querySelector("svg"), Plot.show, ({ model }) => choices.choose(model));
  Plot.listen($("families").querySelector("svg"), Plot.show, ({ family, model }) => (family === undefined ? choices.choose(model) : chooseFamily(family)));
  $("family").addEventListener("change", () => chooseFamily($("family").value));
  choices.start();
})();
