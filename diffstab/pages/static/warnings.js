// Warnings about rows that can't be compared with one another, or with care alone. No document here.
"use strict";

const Warnings = (() => {
  // columns in which rows can't differ and be compared; and those that call for care
  const APART = ("convention precision average median_rule pairs noise_radius_rule noise_norm interpolation transform " +
    "cutoff cutoff_rule delta delta_rule dataset split").split(" ");
  const CARE = ["images", "draws", "batch_norm"];
  const LISTED = 5; // values in a warning

  const count = (n) => `${n} ${n === 1 ? "row" : "rows"}`;

  // what stands in a column, the most frequent first
  function values(rows, name) {
    const times = new Map();
    for (const row of rows) {
      const value = row.get(name) ?? "none";
      times.set(value, (times.get(value) ?? 0) + 1);
    }
    return [...times].sort((a, b) => b[1] - a[1]);
  }

  const tell = (name, own) =>
    `${name} ${own.slice(0, LISTED).map(([value, n]) => `${value} (${count(n)})`).join(", ")}${own.length > LISTED ? ", ..." : ""}`;

  const differing = (rows, columns, of = () => true) => columns.map((name) => [name, values(rows.filter((row) => of(row, name)), name)])
    .filter(([, own]) => own.length > 1).map(([name, own]) => tell(name, own));

  // [kind, text] of each
  function of(rows) {
    const found = [], apart = differing(rows, APART);
    if (apart.length) found.push(["", `Warning: these rows can't be compared with one another: ${apart.join("; ")}.`]);
    const others = rows.filter((row) => row.get("radius_average") !== row.get("average")).length;
    if (others) found.push(["", `Warning: ${count(others)} had the noise's norm chosen by another average than the one shown (radius_average).`]);
    const usual = (row, name) => name !== "batch_norm" || (row.get("weights") !== "init" && (row.get(name) ?? "none") !== "none");
    const care = differing(rows, CARE, usual);
    if (care.length) found.push(["note", `Note: compare with care: ${care.join("; ")}.`]);
    return found;
  }

  return { of };
})();
