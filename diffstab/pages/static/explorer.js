// The explorer: controls and pictures. Fields come from field.js, settings and lines to copy from settings.js, the phase
// diagram from diagram.js.
"use strict";

(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const $ = (id) => document.getElementById(id);
  const { DELTAS } = Settings;
  const LARGEST_SEED = 2n ** 64n - 1n, LARGEST_DRAW = 2 ** 32 - 1;
  const PERIOD = 2500; // milliseconds from one draw to the next
  const state = { delta: 0, temperature: 0, cutoff: data.cutoff, seed: "0", draw: 0, picture: 0, angle: 0 };
  const loaded = new Map(), drawn = new Map(), painted = new Map();
  const canvas = $("diagram");
  let waiting = false, animation = null, noise = {};

  const picture = () => data.pictures[state.picture];
  const short = (value, digits = 3) => Number(value.toPrecision(digits)).toString();
  const percent = (share) => `${short(100 * share)} %`;

  // numbers of a draw at the cutoff; the last few are kept
  function normals(draw) {
    const { width, height } = picture(), asked = { seed: state.seed, draw, cutoff: state.cutoff, width, height };
    const name = JSON.stringify(asked);
    if (!drawn.has(name)) {
      if (drawn.size > 20) drawn.clear();
      drawn.set(name, Fields.draw(asked));
    }
    return drawn.get(name);
  }

  // between two draws the numbers turn from one to the other, so that their law stays
  function current() {
    const first = normals(state.draw);
    if (state.angle === 0) return first;
    const next = normals((state.draw + 1) % (LARGEST_DRAW + 1)), [a, b] = [Math.cos(state.angle), Math.sin(state.angle)];
    const turned = (name) => first[name].map((z, k) => a * z + b * next[name][k]);
    return { side: first.side, x: turned("x"), y: turned("y") };
  }

  function distance(a, b) {
    let sum = 0;
    for (let k = 0; k < a.length; k++) sum += (a[k] - b[k]) * (a[k] - b[k]);
    return Math.sqrt(sum);
  }

  function load(index, then) {
    if (loaded.has(index)) return then(loaded.get(index));
    const image = new Image(), { width, height, source } = data.pictures[index];
    image.onload = () => {
      const canvas = new OffscreenCanvas(width, height), context = canvas.getContext("2d", { willReadFrequently: true });
      context.drawImage(image, 0, 0);
      const bytes = context.getImageData(0, 0, width, height).data, pixels = new Float64Array(3 * width * height);
      for (let k = 0; k < width * height; k++)
        for (let c = 0; c < 3; c++) pixels[3 * k + c] = bytes[4 * k + c];
      loaded.set(index, { pixels, norm: distance(pixels, new Float64Array(pixels.length)) });
      then(loaded.get(index));
    };
    image.src = source;
  }

  function paint(canvas, pixels, { width, height }) {
    const context = canvas.getContext("2d");
    if (canvas.width !== width || canvas.height !== height) {
      [canvas.width, canvas.height] = [width, height];
      painted.delete(canvas);
    }
    if (!painted.has(canvas)) painted.set(canvas, context.createImageData(width, height));
    const image = painted.get(canvas), bytes = image.data; // it rounds, and keeps values from 0 to 255
    for (let k = 0, from = 0, to = 0; k < width * height; k++, from += 3, to += 4) {
      bytes[to] = pixels[from];
      bytes[to + 1] = pixels[from + 1];
      bytes[to + 2] = pixels[from + 2];
      bytes[to + 3] = 255;
    }
    context.putImageData(image, 0, 0);
    return context;
  }

  function mark(context, field) {
    const { width, height, dx, dy, folded } = field, step = Math.max(8, Math.round(Math.max(width, height) / 14));
    if ($("folds").checked) {
      context.fillStyle = "rgba(255, 60, 0, 0.75)";
      for (let k = 0; k < folded.length; k++)
        if (folded[k] && (k + Math.floor(k / width)) % 2) context.fillRect(k % width, Math.floor(k / width), 1, 1);
    }
    const line = (points, style) => {
      for (const [strokeStyle, lineWidth] of [["rgba(0, 0, 0, 0.6)", 2.2], [style, 1]]) {
        context.strokeStyle = strokeStyle;
        context.lineWidth = lineWidth;
        context.beginPath();
        points.forEach(([x, y], k) => (k ? context.lineTo(x, y) : context.moveTo(x, y)));
        context.stroke();
      }
    };
    // a straight line of the original, to first order where the deformed image has it
    const moved = (p, q) => [p + dx[q * width + p] + 0.5, q + dy[q * width + p] + 0.5];
    if ($("grid").checked) {
      const along = (n) => [...Array(Math.ceil((n - 1) / 2) + 1).keys()].map((k) => Math.min(2 * k, n - 1));
      for (let p = 0; p < width; p += step) line(along(height).map((q) => moved(p, q)), "#ffffff");
      for (let q = 0; q < height; q += step) line(along(width).map((p) => moved(p, q)), "#ffffff");
    }
    if ($("arrows").checked)
      for (let p = step >> 1; p < width; p += step)
        for (let q = step >> 1; q < height; q += step) {
          const [x, y] = moved(p, q), [u, v] = [x - p - 0.5, y - q - 0.5], length = Math.hypot(u, v);
          if (length < 0.3) continue;
          const head = Math.min(4, length / 2), [ex, ey] = [u / length, v / length];
          line([[p + 0.5, q + 0.5], [x, y]], "#ffe066");
          line([[x - head * (ex - ey), y - head * (ey + ex)], [x, y], [x - head * (ex + ey), y - head * (ey - ex)]],
            "#ffe066");
        }
  }

  function original(pixels, own) {
    const asked = `${state.picture} ${$("grid").checked}`, zeros = new Float64Array(own.width * own.height);
    if (painted.get("original") === asked) return;
    mark(paint($("original"), pixels, own), { ...own, dx: zeros, dy: zeros, folded: [] });
    painted.set("original", asked);
  }

  function withNoise(pixels, norm) {
    const name = `${state.seed} ${state.draw} ${pixels.length}`, n = pixels.length / 3, out = new Float64Array(3 * n);
    if (noise.name !== name)
      noise = { name, values: Fields.noise({ seed: state.seed, draw: state.draw, count: pixels.length }) };
    for (let k = 0; k < n; k++)
      for (let c = 0; c < 3; c++) out[3 * k + c] = pixels[3 * k + c] + norm * noise.values[c * n + k]; // channels first
    return out;
  }

  function tell(field, norm, size) {
    const n = field.folded.length, folded = field.folded.reduce((sum, one) => sum + one, 0);
    const lines = [
      ["root-mean-square displacement", `${short(field.rms)} px`],
      ["largest displacement", `${short(field.largest)} px`],
      ["pixels moved by half a pixel or more", percent(field.moved / n)],
      ["pixels where it folds", percent(folded / n)],
      ["largest ||grad tau||", short(field.gradientNorm)],
      ["largest Xi (below 1: a diffeomorphism)", short(field.xi)],
      ["relative norm of change and noise", percent(norm / size)],
    ];
    $("numbers").replaceChildren(...lines.map(([name, value]) => {
      const row = document.createElement("tr"), head = document.createElement("th"), cell = document.createElement("td");
      head.scope = "row";
      head.textContent = name;
      cell.textContent = value;
      row.append(head, cell);
      return row;
    }));
    const verdict = folded ? "This field folds." : "This field does not fold: a diffeomorphism.";
    if ($("verdict").textContent !== verdict) $("verdict").textContent = verdict;
    copyable();
  }

  // an option and its value stay in one line
  function copyable() {
    const own = picture(), way = $("interpolation").value;
    const parts = Settings.command(state, own, way).split(/ (?=--)/).flatMap((text, k) => {
      const part = document.createElement("span");
      part.textContent = text;
      return k ? [" ", part] : [part];
    });
    $("command").replaceChildren(...parts);
    $("scale").textContent = Settings.scale(own);
    $("python").textContent = Settings.python(state, own, way);
  }

  function render() {
    waiting = false;
    load(state.picture, ({ pixels, norm: size }) => {
      const begun = performance.now(), own = picture();
      const field = Fields.field(current(), state.temperature, own.width, own.height);
      const deformed = $("interpolation").value === "bilinear"
        ? Fields.bilinear(pixels, 3, field) : Fields.gaussian(pixels, 3, field, data.sigma);
      const norm = distance(deformed, pixels);
      original(pixels, own);
      mark(paint($("deformed"), deformed, own), field);
      $("beside").hidden = !$("noise").checked;
      if ($("noise").checked) paint($("noisy"), withNoise(pixels, norm), own);
      tell(field, norm, size);
      Diagram.draw(canvas, data, state, own);
      document.body.dataset.milliseconds = (performance.now() - begun).toFixed(2);
    });
  }

  function later() {
    if (!waiting) requestAnimationFrame(render);
    waiting = true;
  }

  // a temperature sets delta; otherwise delta stays, and the temperature follows
  function choose({ delta = state.delta, cutoff = state.cutoff, temperature }) {
    Object.assign(state, Settings.tied({ delta, cutoff, temperature }, picture()));
    $("delta").value = Settings.position(state.delta);
    $("cutoff").value = state.cutoff;
    $("temperature").value = Math.log10(state.temperature);
    const told = { delta: `${state.delta} px`, cutoff: state.cutoff, temperature: short(state.temperature) };
    for (const [id, text] of Object.entries(told)) {
      $(id).setAttribute("aria-valuetext", text);
      $(`told-${id}`).textContent = text;
    }
    later();
  }

  function drag(event) {
    choose(Diagram.at(canvas, event));
  }

  function read() {
    const seed = $("seed").value.trim(), draw = Number($("draw").value);
    const good = /^\d+$/.test(seed) && BigInt(seed) <= LARGEST_SEED;
    const known = $("draw").value !== "" && Number.isInteger(draw) && draw >= 0 && draw <= LARGEST_DRAW;
    $("seed").setAttribute("aria-invalid", String(!good));
    $("draw").setAttribute("aria-invalid", String(!known));
    $("problem").textContent = !good ? "The seed is a whole number from 0 to 2^64 - 1."
      : !known ? "The draw is a whole number from 0 to 2^32 - 1." : "";
    if (good && known) [state.seed, state.draw, state.angle] = [String(BigInt(seed)), draw, 0];
    later();
  }

  function advance() {
    state.draw = (state.draw + 1) % (LARGEST_DRAW + 1);
    state.angle = 0;
    $("draw").value = state.draw;
    later();
  }

  function animate(on) {
    $("animate").setAttribute("aria-pressed", String(on));
    $("animate").textContent = on ? "Stop" : "Animate";
    cancelAnimationFrame(animation);
    if (!on) {
      state.angle = 0;
      later();
      return;
    }
    let begun = null;
    const step = (time) => {
      begun ??= time;
      while (time - begun >= PERIOD) {
        begun += PERIOD;
        advance();
      }
      state.angle = ((time - begun) / PERIOD) * (Math.PI / 2);
      render();
      animation = requestAnimationFrame(step);
    };
    animation = requestAnimationFrame(step);
  }

  async function copy(id) {
    const text = $(id).textContent;
    try {
      await navigator.clipboard.writeText(text);
      $("copied").textContent = "Copied.";
    } catch {
      getSelection().selectAllChildren($(id)); // where pages may not write to the clipboard
      $("copied").textContent = "Selected; copy it with the keyboard.";
    }
  }

  data.pictures.forEach(({ name }, index) => $("picture").append(new Option(name, index)));
  $("delta").max = DELTAS.length - 1;
  $("delta").addEventListener("input", () => choose({ delta: DELTAS[$("delta").value] }));
  $("temperature").addEventListener("input", () => choose({ temperature: 10 ** Number($("temperature").value) }));
  $("cutoff").addEventListener("input", () => choose({ cutoff: Number($("cutoff").value) }));
  $("picture").addEventListener("change", () => { state.picture = Number($("picture").value); choose({}); });
  for (const id of ["interpolation", "grid", "arrows", "folds", "noise"]) $(id).addEventListener("change", later);
  for (const id of ["seed", "draw"]) $(id).addEventListener("input", read);
  $("again").addEventListener("click", advance);
  $("animate").addEventListener("click", () => animate($("animate").getAttribute("aria-pressed") !== "true"));
  for (const button of document.querySelectorAll("[data-copy]"))
    button.addEventListener("click", () => copy(button.dataset.copy));
  canvas.addEventListener("pointerdown", (event) => { canvas.setPointerCapture(event.pointerId); drag(event); });
  canvas.addEventListener("pointermove", (event) => { if (canvas.hasPointerCapture(event.pointerId)) drag(event); });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", later);
  choose({ delta: Math.max(picture().width, picture().height) / 32 }); // as 1 pixel in an image of 32
})();
