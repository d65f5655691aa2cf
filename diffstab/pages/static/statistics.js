// Correlation and power law of networks, in the logarithms, with bootstrap intervals over them.
"use strict";

const Statistics = (() => {
  const RESAMPLES = 2000, FEWEST = 3, LEVEL = 0.95, NO_VARIANCE = 1e-12;

  function moments(x, y, chosen) {
    const n = chosen.length;
    let [a, b] = [0, 0];
    for (const k of chosen) {
      a += x[k] / n;
      b += y[k] / n;
    }
    let [xx, yy, xy] = [0, 0, 0];
    for (const k of chosen) {
      xx += (x[k] - a) ** 2 / n;
      yy += (y[k] - b) ** 2 / n;
      xy += (x[k] - a) * (y[k] - b) / n;
    }
    return { a, b, xx, yy, xy };
  }

  const law = ({ a, b, xx, yy, xy }) => {
    const exponent = xy / xx;
    return { correlation: xy / Math.sqrt(xx * yy), exponent, factor: Math.exp(b - exponent * a) };
  };

  // 32 bits a call (Marsaglia's xorshift): the same resamples every time
  function generator(state = 2463534242) {
    return () => {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      return (state >>> 0) / 2 ** 32;
    };
  }

  function quantile(sorted, level) {
    const at = level * (sorted.length - 1), low = Math.floor(at), high = Math.ceil(at);
    return sorted[low] + (at - low) * (sorted[high] - sorted[low]);
  }

  // y = factor x^exponent, and the correlation of the logarithms, each {value, low, high}; null where it isn't defined
  function related(x, y) {
    const [logX, logY] = [x.map(Math.log), y.map(Math.log)], n = x.length;
    if (n < FEWEST) return null;
    const whole = moments(logX, logY, [...x.keys()]);
    if (!(whole.xx > 0 && whole.yy > 0)) return null;
    const random = generator(), found = [];
    for (let k = 0; k < RESAMPLES; k++) {
      const own = moments(logX, logY, Array.from({ length: n }, () => Math.floor(n * random())));
      if (own.xx >= NO_VARIANCE * whole.xx && own.yy >= NO_VARIANCE * whole.yy) found.push(law(own));
    }
    const value = law(whole), ends = [(1 - LEVEL) / 2, (1 + LEVEL) / 2];
    const interval = (name) => {
      const sorted = found.map((one) => one[name]).sort((a, b) => a - b);
      const [low, high] = ends.map((end) => quantile(sorted, end));
      return { value: value[name], low, high };
    };
    return { networks: n, correlation: interval("correlation"), exponent: interval("exponent"), factor: interval("factor") };
  }

  const logAverage = (values) => Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);

  return { related, logAverage };
})();

if (typeof module !== "undefined") module.exports = { Statistics };
