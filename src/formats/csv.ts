/** Tables as CSV. */

type Cell = string | number | null;

/** Whole numbers as they are, others with four digits; a cell with a comma, quote or line break is quoted. */
function cell(value: Cell): string {
  const text =
    value === null ? '' : typeof value === 'string' || Number.isInteger(value) ? String(value) : value.toFixed(4);
  return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** @param columns fields, in order */
export function formatCsv<Column extends string>(
  columns: readonly Column[],
  rows: readonly Readonly<Record<Column, Cell>>[],
): string {
  const lines = [columns.join(','), ...rows.map((row) => columns.map((column) => cell(row[column])).join(','))];
  return `${lines.join('\n')}\n`;
}
