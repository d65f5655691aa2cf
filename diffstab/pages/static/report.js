// The report: what is chosen, and the plots, matrices and table that follow from it.
"use strict";

(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const $ = (id) => document.getElementById(id), { element } = Matrix, { short } = Plot;
  const rows = Rows.decode(data), names = Object.keys(data.columns);
  const LOOKED = ["model", "weights", "weights_tag", "dataset", "key"]; // where words are looked for
  const EVERY = data.ways.length; // in place of a way of measuring
  const RANKED = 20; // networks
  const PICTURED = { x: "the image", "tau x": "deformed", "x + eta": "with noise of the same norm" };
  const PARTS = { R: "deformation / noise", D: "deformation / other image", G: "noise / other image" };
  const layers = new Map(data.layers.rows.map((one) => [one.row, { ...one, ...data.layers.profiles[one.of] }]));
  const state = { way: 0, filter: () => true, sort: "R.value", falling: false, all: false, open: new Set(), chosen: new Set() };

  const at = (place, name) => rows[place].get(name);
  const fresh = (place) => at(place, "weights") === "init";
  const kind = (place) => (fresh(place) ? "fresh" : "trained");
  const count = (n, one, many = `${one}s`) => `${n} ${n === 1 ? one : many}`;
  const every = () => [...rows.keys()];
  const inWay = () => every().filter((place) => state.way === EVERY || data.way[place] === state.way);

  // value, low and high of R, D or 1/G
  function quantity(place, name) {
    const ends = ["value", "low", "high"].map((end) => at(place, `${name === "1/G" ? "G" : name}.${end}`));
    return name === "1/G" ? [1 / ends[0], 1 / ends[2], 1 / ends[1]] : ends;
  }

  const told = (place, ...more) =>
    [`${at(place, "model")}${fresh(place) ? " at initialisation" : ""}`, ...more].filter(Boolean).join("\n");
  const LOWER = "R_f (lower is more stable)", logAverage = Statistics.logAverage, named = (name) => (name === "1/G" ? "1 / G_f" : `${name}_f`);
  const range = ([value, low, high]) => `${short(value)} (${short(low)} to ${short(high)})`;

  // `more` is called for its lines when they are shown
  function point(place, x, y, xs, ys, more) {
    return { x, y, xs, ys, model: at(place, "model"), name: at(place, "model"), told: () => told(place, ...more()) };
  }

  const rate = (place) => ["value", "low", "high"].map((end) => 100 * at(place, `test_error.${end}`));

  function errorPlot(places) {
    if (places.length === 1) return 0; // beside its bars
    const name = $("quantity").value, label = name === "R" ? LOWER : named(name);
    const own = places.every(fresh) ? places : places.filter((place) => !fresh(place)); // before training it is chance's
    const faultless = (place) => at(place, "test_error.value") === 0; // a logarithm can't show 0: the interval's upper end stands for it
    const usable = own.filter((place) => quantity(place, name)[0] > 0 && (faultless(place) ? at(place, "test_error.high") > 0 : at(place, "test_error.value") > 0));
    const of = (wanted) => usable.filter((place) => kind(place) === wanted).map((place) => {
      const [x, y] = [quantity(place, name), rate(place)], limit = faultless(place);
      const error = () => (limit ? `no errors: test error at most ${short(y[2])} %` : `test error ${range(y)} %`);
      return { ...point(place, x[0], limit ? y[2] : y[0], x.slice(1), y.slice(1), () => [`${named(name)} ${range(x)}`, error(), `seed ${at(place, "seed")}`]), limit };
    });
    const trained = usable.filter((place) => !fresh(place) && !faultless(place)), series = [];
    for (const wanted of ["fresh", "trained"]) series.push({ points: of(wanted), kind: wanted });
    const averages = [...networks(trained).values()].map((own) =>
      [own.map((place) => quantity(place, name)[0]), own.map((place) => rate(place)[0])].map(logAverage));
    const found = state.way === EVERY ? null : Statistics.related(averages.map(([x]) => x), averages.map(([, y]) => y));
    const sides = averages.map(([x]) => x), guides = [];
    if (found) {
      const [low, high] = [Math.min(...sides), Math.max(...sides)], ends = [...Array(41).keys()].map((k) => low * (high / low) ** (k / 40));
      guides.push({ kind: "fit", points: ends.map((x) => [x, found.factor.value * x ** found.exponent.value]) });
    }
    const without = own.length - usable.length, before = places.length - own.length;
    const limits = usable.filter(faultless).length;
    $("limits").hidden = !limits;
    const left = (limits ? ` ${count(limits, "row")} without errors drawn at the upper end of the interval (▽) and not in the fit.` : "") + (before ? ` ${count(before, "row")} at initialisation left out.` : "") + (without ? ` ${count(without, "row")} without a test error left out.` : "");
    const { correlation, exponent } = found ?? {};
    $("fit").textContent = (found
      ? `Correlation of the logarithms ${range3(correlation)}, test error ~ ${named(name)}^${range3(exponent)}, over ${found.networks} trained networks (log-averages of their rows; 95 % intervals over networks).`
      : state.way === EVERY ? "A fit needs rows of one way of measuring." : "A fit needs three trained networks with test errors that differ.") + left;
    return usable.length && { x: { label, log: true }, y: { label: "test error / %", log: true }, series, guides, labels: true };
  }

  // places by network: its rows of all seeds
  function networks(places) {
    const found = new Map();
    for (const place of places) {
      if (found.has(data.network[place])) found.get(data.network[place]).push(place);
      else found.set(data.network[place], [place]);
    }
    return found;
  }

  const item = (place, name, [value, low, high], number, more) =>
    ({ name, value, low, high, number, kind: kind(place), model: at(place, "model"), told: () => told(place, more) });

  // R, D and G of a row
  const parts = (place) => Object.entries(PARTS).map(([name, about]) => {
    const ends = quantity(place, name);
    return item(place, `${name}_f: ${about}`, ends, range(ends), `${name}_f ${range(ends)}`);
  });

  // R of each network, the most stable first; that at initialisation beside the same network trained
  function ranking(places) {
    const items = [...networks(places.filter((place) => at(place, "R.value") > 0)).values()].map((own) => {
      const all = own.map((place) => at(place, "R.value")), single = own.length === 1;
      const R = single ? quantity(own[0], "R") : [logAverage(all), all.reduce((a, b) => Math.min(a, b)), all.reduce((a, b) => Math.max(a, b))];
      return ({ ...item(own[0], at(own[0], "model"), R, short(R[0]), `R_f ${range(R)}${single ? "" : `, the log-average and the range of ${own.length} rows`}`), several: !single });
    });
    const before = new Map(items.filter((one) => one.kind === "fresh").map((one) => [one.model, one]));
    const after = items.filter((one) => one.kind === "trained").map((one) => (before.has(one.model) ? { ...one, before: before.get(one.model).value, told: () => `${one.told()}\n${before.get(one.model).told()}` } : one));
    const trained = new Set(after.map(({ model }) => model)), alone = [...before.values()].filter(({ model }) => !trained.has(model));
    return [...after, ...alone.map((one) => ({ ...one, name: `${one.model} at initialisation` }))].sort((a, b) => a.value - b.value);
  }

  // for a single row its R, D and G, otherwise the ranking, if there is one
  function bars(places) {
    const one = places.length === 1 ? places[0] : null, apart = new Set(places.map((place) => data.way[place])).size > 1;
    const items = one !== null ? parts(one).filter(({ value }) => value > 0) : apart ? [] : ranking(places), more = items.length - RANKED;
    if (!items.length) return 0;
    $("bars").querySelector("h2").textContent = one !== null ? `R_f, D_f and G_f of ${told(one)}` : "R_f of each network";
    const error = one !== null && at(one, "test_error.value") !== undefined ? ` Test error ${range(rate(one))} %.` : "";
    const several = items.some((item) => item.several), before = items.some((item) => item.before);
    $("bars").querySelector(".told").textContent = "Bars begin at 1: the further to the left, the more stable. " +
      (several ? "Bars are log-averages and lines the range of a network's rows; of a single row its 95 % interval." : "Lines are 95 % intervals.") +
      (before ? " ◇ at initialisation." : "") + (more > 0 ? ` ${count(more, "network")} of higher R_f left out.` : "") + error;
    return { items: items.slice(0, RANKED), label: one !== null ? "R_f, D_f, G_f (lower is more stable)" : LOWER };
  }

  const range3 = ({ value, low, high }) => `${value.toFixed(2)} (${low.toFixed(2)} to ${high.toFixed(2)})`;

  function depthPlot(places) {
    const series = places.filter((place) => layers.has(place)).map((place) => {
      const { names: own, depths, R, E } = layers.get(place), moved = (k) => (E && E[k] ? [`E ${E[k][0]}, D ${E[k][1]}`] : []);
      const points = R.map((r, k) => point(place, depths[k], r[0], null, r.slice(1), () => [own[k], `R ${range(r)}`, ...moved(k)])).filter(({ y }) => y > 0);
      return { points, kind: kind(place), joined: true, model: at(place, "model") };
    });
    $("depth").querySelector(".told").textContent = `${count(series.length, "row")} with layers; depth 0 is the first layer, 1 the last.`;
    return series.length && { x: { label: "relative depth of the layer", span: [-0.04, 1.04] }, y: { label: LOWER, log: true, one: true }, series };
  }

  // through rows that differ in displacement alone; these may stand under other ways of measuring than the chosen one
  function deltaPlot() {
    const families = new Set(inWay().map((place) => data.family[place])), curves = new Map();
    for (const place of every().filter((one) => families.has(data.family[one]) && state.filter(rows[one]))) {
      if (!(at(place, "delta") > 0 && at(place, "R.value") > 0)) continue;
      const name = JSON.stringify([data.family[place], ...["model", "weights", "weights_sha256", "seed"].map((column) => at(place, column))]);
      if (curves.has(name)) curves.get(name).push(place);
      else curves.set(name, [place]);
    }
    const series = [...curves.values()].filter((own) => new Set(own.map((place) => at(place, "delta"))).size > 1).map((own) => {
      const points = own.sort((i, k) => at(i, "delta") - at(k, "delta")).map((place) => {
        const R = quantity(place, "R");
        return point(place, at(place, "delta"), R[0], null, R.slice(1), () => [`delta ${short(at(place, "delta"))} px`, `R_f ${range(R)}`]);
      });
      return { points, kind: kind(own[0]), joined: true, model: at(own[0], "model") };
    });
    $("delta").querySelector(".told").textContent = `${count(series.length, "curve")} of rows that differ in delta alone.`;
    return series.length && { x: { label: "delta / pixels", log: true }, y: { label: LOWER, log: true, one: true }, series };
  }

  function warnings(places) {
    const found = Warnings.of(places.map((place) => rows[place]));
    for (const text of data.notes) found.push(["note", `Note: ${text}`]);
    $("warnings").replaceChildren(...found.map(([name, text]) => element("li", { class: name }, text)));
  }

  function matrices() {
    const own = data.matrices.filter(({ way }) => way === state.way || state.way === EVERY);
    $("matrices").replaceChildren(...own.map(Matrix.table));
    return own.length;
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

  let shown = [];
  const table = () => {
    shown = Rows.inOrder(rows, shown, state.sort, state.falling);
    const again = document.activeElement?.closest?.("[data-place]")?.dataset.place; // it is made anew and keeps the focus
    Table.draw($("rows"), $("more"), rows, shown, state, { choose, toggle });
    if (again !== undefined) $("rows").querySelector(`[data-place="${again}"] [aria-expanded]`)?.focus();
    highlight();
  };

  function toggle(place) {
    if (!state.open.delete(place)) state.open.add(place);
    table();
  }

  // the answer first; pictures of the images that were measured
  function answers() {
    const [first, ...others] = state.way === EVERY ? ["Rows of several ways of measuring can't be ranked: choose one"] : data.answers[state.way];
    $("headline").textContent = `${first ?? "No row has R_f"}.`;
    $("answers").replaceChildren(...others.map((text) => element("li", {}, `${text}.`)));
    $("chosen-way").textContent = state.way === EVERY ? "" : data.ways[state.way];
    const { told = "", pictures = [] } = data.pictures[state.way] ?? {};
    $("pictures").hidden = !told;
    $("pictures").querySelector(".told").textContent = told;
    const shown = pictures.map(({ name, source }) => element("figure", {}, element("img", { src: source, alt: PICTURED[name] }), element("figcaption", {}, `${name}: ${PICTURED[name]}`)));
    $("pictures").querySelector(".pictures").replaceChildren(...shown);
  }

  // which there are decides how wide they are drawn
  function plots() {
    const found = Object.entries({ bars: bars(shown), error: errorPlot(shown), depth: depthPlot(shown), delta: deltaPlot() });
    for (const [id, plot] of found) $(id).hidden = !plot;
    $("plots").classList.toggle("few", found.filter(([, plot]) => plot).length + ($("pictures").querySelector("img") !== null) < 4);
    for (const [id, plot] of found) if (plot) (id === "bars" ? Bars : Plot).draw($(id).querySelector("svg"), plot);
  }

  function render() {
    shown = inWay().filter((place) => state.filter(rows[place]));
    $("shown").textContent = `${shown.length} of ${count(rows.length, "row")}`;
    answers();
    plots();
    $("paired").hidden = matrices() === 0;
    warnings(shown);
    table();
  }

  // in the page's corner nearest to the point
  function show(one, svg) {
    const tip = $("tip");
    tip.hidden = !one;
    for (const mark of document.querySelectorAll(".near")) mark.classList.remove("near");
    if (!one) return;
    tip.textContent = one.told();
    const box = svg.getBoundingClientRect(), ratio = box.width / svg.viewBox.baseVal.width;
    const [left, top] = [box.left + one.px * ratio, box.top + one.py * ratio];
    tip.style.left = `${Math.max(4, Math.min(left + 12, innerWidth - tip.offsetWidth - 8))}px`;
    tip.style.top = `${top + 14 + tip.offsetHeight > innerHeight ? top - tip.offsetHeight - 10 : top + 12}px`;
  }

  function save(name, text, type) {
    const link = element("a", { download: name, href: URL.createObjectURL(new Blob([text], { type })) });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
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
    table();
  }

  function failures() {
    const titles = ["model", "kind", "error.type", "error.message", "job"];
    $("failed").hidden = !data.failures.length;
    const head = element("tr", {}, ...titles.map((name) => element("th", { scope: "col" }, name)));
    $("failures").tHead.replaceChildren(head);
    $("failures").tBodies[0].replaceChildren(...data.failures.map((one) => element("tr", {}, ...titles.map((name) => element("td", {}, one[name])))));
  }

  const times = data.ways.map(() => 0);
  for (const way of data.way) times[way]++;
  data.ways.forEach((way, k) => $("way").append(new Option(`${way}: ${count(times[k], "row")}`, k)));
  $("way").parentElement.hidden = EVERY === 1;
  if (EVERY > 1) $("way").append(new Option(`all ${EVERY} ways of measuring: ${count(rows.length, "row")}`, EVERY));
  state.way = times.indexOf(Math.max(...times));
  $("way").value = state.way;
  $("title").textContent = data.title;
  const models = new Set(rows.map((row) => row.get("model"))).size, sets = [...new Set(rows.map((row) => row.get("dataset")))];
  $("about").textContent = `${count(rows.length, "measurement")} of ${count(models, "network")} on ${sets.join(", ")}` +
    `${data.trainings ? `, ${count(data.trainings, "training")}` : ""}${data.failures.length ? `, ${count(data.failures.length, "failure")}` : ""}. ` +
    "R_f is the change of a network's output under a deformation over that under noise of the same size: lower is more stable, and well below 1 it is stable to deformations.";
  Table.head($("rows"), sort);
  failures();
  for (const svg of document.querySelectorAll("figure svg")) Plot.listen(svg, show, ({ model }) => choose(model));
  $("way").addEventListener("change", () => { [state.way, state.all] = [Number($("way").value), false]; render(); });
  $("filter").addEventListener("input", read);
  $("quantity").addEventListener("change", render);
  $("none").addEventListener("click", () => { state.chosen.clear(); highlight(); });
  $("more").addEventListener("click", () => { state.all = true; table(); });
  $("csv").addEventListener("click", () => save("results.csv", Rows.csv(shown.map((place) => rows[place]), names, $("spreadsheets").checked), "text/csv"));
  $("json").addEventListener("click", () => save("results.json", Rows.json(shown.map((place) => rows[place])), "application/json"));
  let width = innerWidth;
  addEventListener("resize", () => { if (width !== innerWidth) render(); width = innerWidth; });
  render();
  document.body.dataset.ready = "true";
})();
