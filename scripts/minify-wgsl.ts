// WGSL without comments, and with only the white space that tells words apart.

/** A space stays between two letters or digits, and between two signs that would read as another one. */
const parts = /[\w$]+|[^\s\w$]/g;

export function minifyWgsl(source: string): string {
  const bare = source.replace(/\/\*[\s\S]*?\*\//g, ' ').replace(/\/\/[^\n]*/g, ' ');
  let out = '';
  let end = -1;
  for (const { 0: part, index } of bare.matchAll(parts)) {
    const hadSpace = index > end && out !== '';
    const joins = /[\w$]$/.test(out) && /^[\w$]/.test(part);
    const wouldJoin = /[-+&|<>=!*/%^]$/.test(out) && /^[-+&|<>=*/]/.test(part);
    out += hadSpace && (joins || wouldJoin) ? ` ${part}` : part;
    end = index + part.length;
  }
  return out;
}
