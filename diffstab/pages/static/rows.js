// The rows of a report: decoding, filters, order, and files to save. No document here.
"use strict";

const Rows = (() => {
  const COMPARISONS = { "<": (a, b) => a < b, "<=": (a, b) => a <= b, ">": (a, b) => a > b, ">=": (a, b) => a >= b };
  const WORD = /(?:[^\s"]|"[^"]*"?)+/g, FILTER = /^([\w.]+)(<=|>=|!=|==|=|<|>)(.*)$/;

  // columns of distinct values become objects, one a row, with what is there
  function decode({ count, columns }) {
    const rows = Array.from({ length: count }, () => new Map());
    for (const [name, { of, at }] of Object.entries(columns))
      for (let k = 0; k < count; k++) {
        const value = of[at ? at[k] : of.length > 1 ? k : 0];
        if (value !== null) rows[k].set(name, value);
      }
    return rows;
  }

  // as shell patterns: * and ? stand for any text and any character, [abc] for one of these
  function pattern(text) {
    const source = text.replace(/\[!?[^\]]+\]|[\s\S]/g, (part) => {
      if (part.length > 1) return part.replace(/\\/g, "\\\\").replace(/^\[!/, "[^").replace(/^\[\^(?=\])/, "[\\^");
      return part === "*" ? "[\\s\\S]*" : part === "?" ? "[\\s\\S]" : part.replace(/[.*+?^${}()|[\]\\]/, "\\$&");
    });
    return new RegExp(`^${source}$`, "u");
  }

  const number = (text) => (text.trim() !== "" && Number.isFinite(Number(text)) ? Number(text) : null);

  function equals(value, wanted) {
    if (value === undefined) return wanted.toLowerCase() === "none";
    if (typeof value === "boolean") return wanted.toLowerCase() === String(value);
    if (typeof value === "number" && number(wanted) !== null) return number(wanted) === value;
    return pattern(wanted).test(String(value));
  }

  // What a text asks of rows: COLUMN=VALUE as the command line has it; other words stand in one of the first columns.
  // Throws an Error that says what is wrong.
  function filter(text, names, looked) {
    const tests = (text.match(WORD) ?? []).map((quoted) => {
      const word = quoted.replaceAll('"', ""), parts = FILTER.exec(word);
      if (!parts) return (row) => looked.some((name) => String(row.get(name) ?? "").toLowerCase().includes(word.toLowerCase()));
      const [, name, comparison, wanted] = parts;
      if (!names.includes(name)) throw new Error(`No row has a column ${name}.`);
      if (comparison in COMPARISONS) {
        if (number(wanted) === null) throw new Error(`A number is needed after ${name}${comparison}.`);
        return (row) => typeof row.get(name) === "number" && COMPARISONS[comparison](row.get(name), number(wanted));
      }
      return (row) => equals(row.get(name), wanted) === (comparison !== "!=");
    });
    return (row) => tests.every((test) => test(row));
  }

  // numbers, then texts, then rows without a value, whichever way
  function inOrder(rows, places, name, falling) {
    const sign = falling ? -1 : 1, kind = (value) => (value === undefined ? 2 : typeof value === "string" ? 1 : 0);
    return [...places].sort((i, k) => {
      const [a, b] = [rows[i].get(name), rows[k].get(name)];
      if (kind(a) !== kind(b)) return kind(a) - kind(b);
      return a === b || kind(a) === 2 ? i - k : sign * (a < b ? -1 : 1);
    });
  }

  // as `results export --for-spreadsheets`: an apostrophe before texts that begin as a formula
  const defused = (value) => (typeof value === "string" && /^[=+\-@\t\r\n＝＋－＠]/.test(value) ? `'${value}` : value);

  const cell = (value) => {
    const text = value === undefined ? "" : typeof value === "boolean" ? (value ? "True" : "False") : String(value);
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };

  const csv = (rows, names, forSpreadsheets = false) =>
    [names, ...rows.map((row) => names.map((name) => row.get(name)))]
      .map((line) => line.map((value) => cell(forSpreadsheets ? defused(value) : value)).join(",") + "\n").join("");

  const json = (rows) => JSON.stringify(rows.map((row) => Object.fromEntries(row)), null, 1) + "\n";

  return { decode, filter, inOrder, csv, json };
})();

if (typeof module !== "undefined") module.exports = { Rows };
