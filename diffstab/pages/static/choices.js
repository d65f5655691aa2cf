// What is chosen on a page of rows: the way of measuring, words, the order, open rows and networks. No plot here.
"use strict";

const Choices = (() => {
  const { element } = Matrix, { count } = Errors;
  const $ = (id) => document.getElementById(id);

  // rows: as Rows.decode gives them; looked: columns where words are looked for; table: from Table.of; all: words for
  // all ways of measuring at once; file: name of a download. `turned` is called for another way of measuring, `render`
  // for other rows of it; `render` puts the places that are shown into `state.shown`.
  function of(data, rows, { looked, table, all, file, turned, render }) {
    const names = Object.keys(data.columns), EVERY = data.ways.length; // EVERY stands in place of a way of measuring
    const state = { way: 0, shown: [], filter: () => true, sort: "R.value", falling: false, all: false, open: new Set(), chosen: new Set() };

    const inWay = () => [...rows.keys()].filter((place) => state.way === EVERY || data.way[place] === state.way);

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

    function list() {
      state.shown = Rows.inOrder(rows, state.shown, state.sort, state.falling);
      const again = document.activeElement?.closest?.("[data-place]")?.dataset.place; // it is made anew and keeps the focus
      table.draw($("rows"), $("more"), rows, state.shown, state, { choose, toggle });
      if (again !== undefined) $("rows").querySelector(`[data-place="${again}"] [aria-expanded]`)?.focus();
      highlight();
    }

    function toggle(place) {
      if (!state.open.delete(place)) state.open.add(place);
      list();
    }

    function sort(column) {
      [state.sort, state.falling] = [column, state.sort === column && !state.falling];
      list();
    }

    function read() {
      try {
        state.filter = Rows.filter($("filter").value, names, looked);
        $("problem").textContent = "";
      } catch (error) {
        $("problem").textContent = error.message;
      }
      $("filter").setAttribute("aria-invalid", String($("problem").textContent !== ""));
      state.all = false;
      render();
    }

    function turn() {
      [state.way, state.all] = [Number($("way").value), false];
      turned();
    }

    const picked = () => state.shown.map((place) => rows[place]);

    // fills the controls and shows the way of measuring with most rows
    function start() {
      const times = data.ways.map(() => 0);
      for (const way of data.way) times[way]++;
      data.ways.forEach((way, k) => $("way").append(new Option(`${way}: ${count(times[k], "row")}`, k)));
      $("way").parentElement.hidden = EVERY === 1;
      if (EVERY > 1) $("way").append(new Option(`all ${EVERY} ${all}: ${count(rows.length, "row")}`, EVERY));
      $("way").value = times.indexOf(times.reduce((a, b) => Math.max(a, b)));
      $("title").textContent = data.title;
      table.head($("rows"), sort);
      for (const [id, event, act] of [["way", "change", turn], ["filter", "input", read], ["quantity", "change", render]]) $(id).addEventListener(event, act);
      $("none").addEventListener("click", () => { state.chosen.clear(); highlight(); });
      $("more").addEventListener("click", () => { state.all = true; list(); });
      $("csv").addEventListener("click", () => Table.save(file, Rows.csv(picked(), names, $("spreadsheets").checked), "text/csv"));
      let width = innerWidth;
      addEventListener("resize", () => { if (width !== innerWidth) render(); width = innerWidth; });
      turn();
      document.body.dataset.ready = "true";
    }

    return { state, EVERY, inWay, choose, list, picked, start };
  }

  // a line on what is on the page
  const about = (counted) => `${counted}. ` +
    "R_f is the change of a network's output under a deformation over that under noise of the same size: lower is more stable, and well below 1 it is stable to deformations.";

  return { of, about, notes: (found) => $("warnings").replaceChildren(...found.map(([name, text]) => element("li", { class: name }, text))) };
})();
