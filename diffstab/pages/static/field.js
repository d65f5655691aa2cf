// Maximum-entropy displacement fields in plain JavaScript, the same as those of the Python package to rounding:
// Philox4x32-10 on counters (image, draw, position, purpose), the inverse normal law, the sine series and its gradient.
"use strict";

const Fields = (() => {
  const FIELD = 0, NOISE = 1; // purposes of the random numbers, as in diffstab.streams

  // the upper 32 bits of a product of two 32-bit words
  function upper(a, b) {
    const a0 = a & 0xffff, a1 = a >>> 16, b0 = b & 0xffff, b1 = b >>> 16;
    const first = a1 * b0 + (Math.imul(a0, b0) >>> 16), second = a0 * b1 + (first & 0xffff); // both below 2^32
    return (a1 * b1 + (first >>> 16) + (second >>> 16)) >>> 0;
  }

  // four words of 32 bits for a counter of four, and a key of two
  function philox(counter, key) {
    let [c0, c1, c2, c3] = counter, [k0, k1] = key;
    for (let round = 0; round < 10; round++) {
      const high0 = upper(c0, 0xd2511f53), low0 = Math.imul(c0, 0xd2511f53) >>> 0;
      const high2 = upper(c2, 0xcd9e8d57), low2 = Math.imul(c2, 0xcd9e8d57) >>> 0;
      c0 = (high2 ^ c1 ^ k0) >>> 0;
      c2 = (high0 ^ c3 ^ k1) >>> 0;
      c1 = low2;
      c3 = low0;
      k0 = (k0 + 0x9e3779b9) >>> 0;
      k1 = (k1 + 0xbb67ae85) >>> 0;
    }
    return [c0, c1, c2, c3];
  }

  const polynomial = (x, coefficients) => coefficients.reduce((sum, c) => sum * x + c, 0);

  // Inverse of the normal law to 16 digits: Wichura's algorithm AS 241 (Appl. Statist. 37, 1988), highest power first.
  const CENTRE = [
    [2509.0809287301226727, 33430.575583588128105, 67265.770927008700853, 45921.953931549871457,
      13731.693765509461125, 1971.5909503065514427, 133.14166789178437745, 3.387132872796366608],
    [5226.495278852545925, 28729.085735721942674, 39307.89580009271061, 21213.794301586595867,
      5394.1960214247511077, 687.1870074920579083, 42.313330701600911252, 1],
  ];
  const MIDDLE = [
    [7.7454501427834140764e-4, 0.0227238449892691845833, 0.24178072517745061177, 1.27045825245236838258,
      3.64784832476320460504, 5.7694972214606914055, 4.6303378461565452959, 1.42343711074968357734],
    [1.05075007164441684324e-9, 5.475938084995344946e-4, 0.0151986665636164571966, 0.14810397642748007459,
      0.68976733498510000455, 1.6763848301838038494, 2.05319162663775882187, 1],
  ];
  const TAIL = [
    [2.01033439929228813265e-7, 2.71155556874348757815e-5, 0.0012426609473880784386, 0.026532189526576123093,
      0.29656057182850489123, 1.7848265399172913358, 5.4637849111641143699, 6.6579046435011037772],
    [2.04426310338993978564e-15, 1.4215117583164458887e-7, 1.8463183175100546818e-5, 7.868691311456132591e-4,
      0.0148753612908506148525, 0.13692988092273580531, 0.59983220655588793769, 1],
  ];

  function normal(uniform) {
    const q = uniform - 0.5;
    if (Math.abs(q) <= 0.425) {
      const r = 0.180625 - q * q;
      return (q * polynomial(r, CENTRE[0])) / polynomial(r, CENTRE[1]);
    }
    const r = Math.sqrt(-Math.log(q < 0 ? uniform : 1 - uniform));
    const [top, bottom] = r <= 5 ? MIDDLE : TAIL;
    const x = r - (r <= 5 ? 1.6 : 5);
    return (Math.sign(q) * polynomial(x, top)) / polynomial(x, bottom);
  }

  const uniform = (high, low) => (high * 2 ** 20 + (low >>> 12) + 0.5) * 2 ** -52;

  // the kept modes [i, j]: i^2 + j^2 <= c^2
  function modes(cutoff, width, height) {
    const found = [], most = cutoff * cutoff * (1 + 1e-12);
    for (let i = 1; i <= Math.min(width, Math.floor(cutoff)); i++)
      for (let j = 1; j <= Math.min(height, Math.floor(cutoff)); j++)
        if (i * i + j * j <= most) found.push([i, j]);
    return found;
  }

  // Standard normal numbers of the modes of both components, `side` by `side`: {x, y, side}.
  function draw({ seed, image = 0, draw = 0, cutoff, width, height }) {
    const side = Math.floor(cutoff), x = new Float64Array(side * side), y = new Float64Array(side * side);
    const whole = BigInt(seed), key = [Number(whole & 0xffffffffn), Number(whole >> 32n)];
    for (const [i, j] of modes(cutoff, width, height)) {
      const [a, b, c, d] = philox([image, draw, i * 65536 + j, FIELD], key);
      x[(i - 1) * side + j - 1] = normal(uniform(a, b));
      y[(i - 1) * side + j - 1] = normal(uniform(c, d));
    }
    return { x, y, side };
  }

  // A direction uniform on the sphere, `count` numbers of norm 1: Box and Muller's normal numbers over their norm.
  function noise({ seed, image = 0, draw = 0, count }) {
    const whole = BigInt(seed), key = [Number(whole & 0xffffffffn), Number(whole >> 32n)];
    const found = new Float64Array(4 * Math.ceil(count / 4));
    for (let block = 0; 4 * block < count; block++) {
      const words = philox([image, draw, block, NOISE], key);
      for (const half of [0, 2]) {
        const radius = Math.sqrt(-2 * Math.log((words[half] + 1) * 2 ** -32)), angle = words[half + 1] * 2 ** -31 * Math.PI;
        found[4 * block + half] = radius * Math.cos(angle);
        found[4 * block + half + 1] = radius * Math.sin(angle);
      }
    }
    const own = found.subarray(0, count), norm = Math.sqrt(own.reduce((sum, value) => sum + value * value, 0));
    return own.map((value) => value / norm);
  }

  // sin(k pi u) and k pi cos(k pi u) at n positions from 0 to 1, n by an even number of modes; exactly 0 at both ends
  const known = new Map();
  function basis(n, modes) {
    const name = `${n} ${modes}`;
    if (known.has(name)) return known.get(name);
    const wave = new Float64Array(n * modes), slope = new Float64Array(n * modes);
    for (let p = 0; p < n; p++)
      for (let k = 1; k <= modes; k++) {
        const u = p / (n - 1);
        wave[p * modes + k - 1] = p === 0 || p === n - 1 ? 0 : Math.sin(k * Math.PI * u);
        slope[p * modes + k - 1] = k * Math.PI * Math.cos(k * Math.PI * u);
      }
    known.set(name, { wave, slope });
    return known.get(name);
  }

  // One component, sum over modes of C_ij sin(i pi u) sin(j pi v), and its slopes along u and v. About the middle, sines
  // of odd j are even and those of even j odd, slopes the other way round: the upper half of the lines gives the lower.
  function component(C, side, width, height) {
    const modes = side + (side % 2), x = basis(width, modes), y = basis(height, modes), n = width * height;
    const waves = new Float64Array(width * modes), slopes = new Float64Array(width * modes); // sums over i
    for (let p = 0; p < width; p++)
      for (let i = 0; i < side; i++)
        for (let j = 0, wave = x.wave[p * modes + i], slope = x.slope[p * modes + i]; j < side; j++) {
          waves[p * modes + j] += C[i * side + j] * wave;
          slopes[p * modes + j] += C[i * side + j] * slope;
        }
    const value = new Float64Array(n), alongU = new Float64Array(n), alongV = new Float64Array(n);
    for (let q = 0; 2 * q < height; q++) {
      const line = q * width, mirror = (height - 1 - q) * width;
      for (let p = 0; p < width; p++) {
        let even = 0, odd = 0, evenU = 0, oddU = 0, evenV = 0, oddV = 0; // of the lines, not of j
        for (let j = 0, at = p * modes, row = q * modes; j < modes; j += 2, at += 2, row += 2) {
          const w0 = waves[at], w1 = waves[at + 1], y0 = y.wave[row], y1 = y.wave[row + 1];
          even += w0 * y0;
          odd += w1 * y1;
          evenU += slopes[at] * y0;
          oddU += slopes[at + 1] * y1;
          oddV += w0 * y.slope[row];
          evenV += w1 * y.slope[row + 1];
        }
        value[line + p] = even + odd;
        value[mirror + p] = even - odd;
        alongU[line + p] = evenU + oddU;
        alongU[mirror + p] = evenU - oddU;
        alongV[line + p] = evenV + oddV;
        alongV[mirror + p] = evenV - oddV;
      }
    }
    return { value, alongU, alongV };
  }

  // Displacement in pixels and what tells folds, for normal numbers of `draw` at a temperature.
  function field(normals, temperature, width, height) {
    const { side } = normals;
    const scaled = (values) => values.map((z, k) =>
      z * Math.sqrt(temperature / ((Math.floor(k / side) + 1) ** 2 + ((k % side) + 1) ** 2)));
    const x = component(scaled(normals.x), side, width, height), y = component(scaled(normals.y), side, width, height);
    const [dx, dy] = [x.value, y.value];
    for (let k = 0; k < dx.length; k++) {
      dx[k] *= width;
      dy[k] *= height;
    }
    return { width, height, dx, dy, ...told(dx, dy, [x.alongU, x.alongV, y.alongU, y.alongV], width, height) };
  }

  // ||grad tau||_inf, max Xi, the determinant's least value and where it is not positive, displacements
  function told(dx, dy, [xx, xy, yx, yy], width, height) {
    const across = width / (width - 1), down = height / (height - 1), folded = new Uint8Array(dx.length);
    let gradientNorm = 0, xi = -Infinity, leastDeterminant = Infinity, squares = 0, largest = 0, moved = 0;
    for (let k = 0; k < dx.length; k++) {
      const a = xx[k], b = xy[k], c = yx[k], d = yy[k], square = dx[k] * dx[k] + dy[k] * dy[k];
      const shear = Math.sqrt((a - d) * (a - d) + (b + c) * (b + c));
      const norm = (shear + Math.sqrt((a + d) * (a + d) + (b - c) * (b - c))) / 2, own = (shear - a - d) / 2;
      const determinant = (1 - across * a) * (1 - down * d) - across * down * b * c;
      if (norm > gradientNorm) gradientNorm = norm;
      if (own > xi) xi = own;
      if (determinant < leastDeterminant) leastDeterminant = determinant;
      folded[k] = determinant <= 0 ? 1 : 0;
      squares += square;
      if (square > largest) largest = square;
      if (square >= 0.25) moved += 1;
    }
    const rms = Math.sqrt(squares / dx.length);
    return { gradientNorm, xi, leastDeterminant, folded, rms, largest: Math.sqrt(largest), moved };
  }

  const within = (value, n) => Math.min(Math.max(value, 0), n - 1);

  // Pixels [H, W, channels] read at (k - dx, l - dy), bilinearly; beyond the frame its own values.
  function bilinear(pixels, channels, { width, height, dx, dy }) {
    const out = new Float64Array(pixels.length);
    for (let l = 0, k = 0; l < height; l++)
      for (let p = 0; p < width; p++, k++) {
        const x = within(p - dx[k], width), y = within(l - dy[k], height);
        const x0 = Math.min(Math.floor(x), width - 2), y0 = Math.min(Math.floor(y), height - 2);
        const fx = x - x0, fy = y - y0, first = (y0 * width + x0) * channels, below = first + width * channels;
        for (let c = 0; c < channels; c++)
          out[k * channels + c] =
            (1 - fy) * ((1 - fx) * pixels[first + c] + fx * pixels[first + channels + c]) +
            fy * ((1 - fx) * pixels[below + c] + fx * pixels[below + channels + c]);
      }
    return out;
  }

  // The same with Gaussian weights of width sigma on 6 pixels an axis (Eq. 16); the others weigh 2e-9.
  function gaussian(pixels, channels, { width, height, dx, dy }, sigma, taps = 6) {
    const out = new Float64Array(pixels.length), wx = new Float64Array(taps), wy = new Float64Array(taps);
    const weigh = (position, n, weights) => {
      const start = Math.min(Math.max(Math.floor(position) - (taps / 2 - 1), 0), Math.max(n - taps, 0));
      let sum = 0;
      for (let t = 0; t < taps; t++) {
        weights[t] = start + t < n ? Math.exp(-((position - start - t) ** 2) / (2 * sigma * sigma)) : 0;
        sum += weights[t];
      }
      for (let t = 0; t < taps; t++) weights[t] /= sum;
      return start;
    };
    for (let l = 0, k = 0; l < height; l++)
      for (let p = 0; p < width; p++, k++) {
        const x0 = weigh(within(p - dx[k], width), width, wx), y0 = weigh(within(l - dy[k], height), height, wy);
        for (let t = 0; t < taps && y0 + t < height; t++)
          for (let s = 0; s < taps && x0 + s < width; s++) {
            const weight = wy[t] * wx[s], at = ((y0 + t) * width + x0 + s) * channels;
            for (let c = 0; c < channels; c++) out[k * channels + c] += weight * pixels[at + c];
          }
      }
    return out;
  }

  // delta^2 / T: n^2 S / 2
  function squaredDelta(cutoff, width, height) {
    const sum = modes(cutoff, width, height).reduce((total, [i, j]) => total + 1 / (i * i + j * j), 0);
    return (((width * width + height * height) / 2) * sum) / 2;
  }

  return { philox, normal, modes, draw, noise, field, bilinear, gaussian, squaredDelta };
})();

if (typeof module !== "undefined") module.exports = { Fields };
