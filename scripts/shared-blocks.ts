// Text that several kernels have in common. WGSL has no include, and each kernel is to be valid by itself in an editor: so
// the text lives once, in kernels/shared/NAME.wgsl, and stands in a kernel between two lines that name it:
//   // shared/NAME
//   …
//   // end of shared/NAME
// indented as its first line is.

export interface SharedBlock {
  readonly name: string;
  /** The lines that name it, counted from 0. */
  readonly first: number;
  readonly last: number;
}

/** @throws Error where a block begins in another one, or does not end */
export function sharedBlocks(source: string): SharedBlock[] {
  const blocks: SharedBlock[] = [];
  let open: { name: string; first: number } | undefined;
  source.split('\n').forEach((line, i) => {
    const [, end, name] = /^ *\/\/ (end of )?shared\/([\w-]+)$/.exec(line) ?? [];
    if (name === undefined) {
      return;
    }
    if (end === undefined ? open !== undefined : open?.name !== name) {
      throw new Error(
        `line ${i + 1}: ${line.trim()}; expected ${open ? `the end of shared/${open.name}` : 'the beginning of a block'}`,
      );
    }
    if (end === undefined) {
      open = { name, first: i };
    } else {
      blocks.push({ name, first: open!.first, last: i });
      open = undefined;
    }
  });
  if (open) {
    throw new Error(`shared/${open.name} does not end`);
  }
  return blocks;
}

/** The source with every block as `textOf` has it. */
export function withBlocks(source: string, textOf: (name: string) => string): string {
  const lines = source.split('\n');
  for (const { name, first, last } of sharedBlocks(source).reverse()) {
    const indent = /^ */.exec(lines[first]!)![0];
    const text = textOf(name)
      .trimEnd()
      .split('\n')
      .map((line) => (line === '' ? '' : indent + line));
    lines.splice(first + 1, last - first - 1, ...text);
  }
  return lines.join('\n');
}
