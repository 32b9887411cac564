/** Tables as CSV. */

type Cell = string | number | null;

/** Whole numbers as they are, others with four digits; a cell with a comma, quote or line break is quoted. */
function cell(value: Cell): string {
  const text =
    value === null ? '' : typeof value === 'string' || Number.isInteger(value) ? String(value) : value.toFixed(4);
  return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** @param columns fields, in order */
export function formatCsv<Row extends { readonly [Column in keyof Row]: Cell }>(
  columns: readonly (keyof Row & string)[],
  rows: readonly Row[],
): string {
  const lines = [columns.join(','), ...rows.map((row) => columns.map((column) => cell(row[column])).join(','))];
  return `${lines.join('\n')}\n`;
}
