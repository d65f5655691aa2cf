// Correlation and power law of networks, in the logarithms, with the 95 % intervals that the package gives them.
"use strict";

const Statistics = (() => {
  const FEWEST = 3, LEVEL = 0.95, NO_VARIANCE = 1e-12, LARGEST_Z = 18, LARGEST_LOG = 700, ARCHITECTURES = 4;

  const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

  function moments(x, y) {
    const [a, b] = [mean(x), mean(y)], u = x.map((value) => value - a), v = y.map((value) => value - b);
    const product = (p, q) => mean(p.map((value, k) => value * q[k]));
    return { a, b, xx: product(u, u), yy: product(v, v), xy: product(u, v) };
  }

  // P(|t| <= sqrt(freedom) tan(angle)), Student's t
  function within(angle, freedom) {
    const first = freedom % 2;
    let [term, total] = [1, 0];
    for (let k = first; k < freedom - 1; k += 2) {
      total += term * Math.cos(angle) ** k;
      term *= (k + 1) / (k + 2);
    }
    return first ? (2 / Math.PI) * (angle + Math.sin(angle) * total) : Math.sin(angle) * total;
  }

  function tQuantile(freedom) {
    let [low, high] = [0, Math.PI / 2];
    for (let k = 0; k < 60; k++) {
      const angle = (low + high) / 2;
      if (within(angle, freedom) < LEVEL) low = angle;
      else high = angle;
    }
    return Math.sqrt(freedom) * Math.tan(high);
  }

  // the architecture of each network; null if all differ, or there are too few for an interval over them
  function alike(names) {
    const own = names.map((name) => /^(.+)-w\d+(\.\d+)?$/.exec(name)?.[1] ?? name), found = new Set(own).size;
    return found >= ARCHITECTURES && found < own.length ? own : null;
  }

  // moments without each group
  const leftOut = (x, y, groups) =>
    [...new Set(groups)].map((one) => moments(...[x, y].map((values) => values.filter((_, k) => groups[k] !== one))));

  // half the width of an interval, from the values without each network or group
  function jackknifed(others) {
    const middle = mean(others), freedom = others.length - 1;
    return tQuantile(freedom) * Math.sqrt(freedom * mean(others.map((one) => (one - middle) ** 2)));
  }

  // over groups of networks that are alike, or over networks
  function correlation(x, y, whole, groups) {
    const n = x.length, z = ({ xx, yy, xy }) => {
      if (!(xx > NO_VARIANCE * whole.xx && yy > NO_VARIANCE * whole.yy)) return 0;
      return Math.min(Math.max(Math.atanh(Math.min(Math.max(xy / Math.sqrt(xx * yy), -1), 1)), -LARGEST_Z), LARGEST_Z);
    };
    const own = z(whole), value = Math.min(Math.max(whole.xy / Math.sqrt(whole.xx * whole.yy), -1), 1);
    if (Math.abs(own) >= LARGEST_Z) return { value, low: value, high: value };
    if (n === FEWEST) return { value, low: -1, high: 1 }; // any two lie on a line
    const left = (moment, product) => (n * moment - (product * n) / (n - 1)) / (n - 1); // without one network
    const others = groups ? leftOut(x, y, groups).map(z) : x.map((value, k) => {
      const [u, v] = [value - whole.a, y[k] - whole.b];
      return z({ xx: left(whole.xx, u * u), yy: left(whole.yy, v * v), xy: left(whole.xy, u * v) });
    });
    const half = jackknifed(others);
    return { value, low: Math.tanh(own - half), high: Math.tanh(own + half) };
  }

  // y = factor x^exponent, and the correlation of the logarithms, each {value, low, high}; null where it isn't defined
  function related(x, y, names) {
    const [u, v] = [x.map(Math.log), y.map(Math.log)], n = x.length;
    if (n < FEWEST) return null;
    const whole = moments(u, v);
    if (!(whole.xx > 0 && whole.yy > 0)) return null;
    const slope = whole.xy / whole.xx, start = whole.b - slope * whole.a;
    const variance = u.reduce((sum, value, k) => sum + (v[k] - start - slope * value) ** 2, 0) / (n - 2), t = tQuantile(n - 2);
    const groups = alike(names), architectures = groups ? new Set(groups).size : n;
    let half = t * Math.sqrt(variance / (n * whole.xx)), along = t * Math.sqrt(variance * (1 / n + whole.a ** 2 / (n * whole.xx)));
    if (groups) {
      const fits = leftOut(u, v, groups).map(({ a, b, xx, xy }) => [xy / xx, b - (xy / xx) * a]);
      [half, along] = [0, 1].map((k) => jackknifed(fits.map((one) => one[k])));
    }
    const [value, low, high] = [start, start - along, start + along].map((one) => Math.exp(Math.min(Math.max(one, -LARGEST_LOG), LARGEST_LOG)));
    const exponent = { value: slope, low: slope - half, high: slope + half };
    return { networks: n, architectures, correlation: correlation(u, v, whole, groups), exponent, factor: { value, low, high } };
  }

  const logAverage = (values) => Math.exp(mean(values.map(Math.log)));

  return { related, logAverage };
})();

if (typeof module !== "undefined") module.exports = { Statistics };
