/** Files that often stand where another one is expected. */

const startsWith = (head: Uint8Array, text: string) =>
  new TextDecoder('latin1').decode(head.subarray(0, text.length)).toLowerCase() === text.toLowerCase();

const kinds: readonly (readonly [begins: (head: Uint8Array) => boolean, kind: string])[] = [
  [
    (head) => startsWith(head, 'version https://git-lfs'),
    'is a git-lfs pointer, not the file itself; git lfs pull brings it',
  ],
  [
    (head) => ['<!doctype html', '<html'].some((text) => startsWith(head, text)),
    'is an HTML page, as a failed download leaves it',
  ],
  [(head) => startsWith(head, '<?xml'), 'is an XML file'],
  [(head) => startsWith(head, '\x89PNG'), 'is a PNG picture'],
  [(head) => head[0] === 0xff && head[1] === 0xd8 && head[2] === 0xff, 'is a JPEG picture'],
  [(head) => startsWith(head, '%PDF'), 'is a PDF document'],
  [(head) => startsWith(head, 'PK\x03\x04'), 'is a zip archive'],
  [(head) => startsWith(head, 'Rar!'), 'is a RAR archive'],
  [(head) => startsWith(head, '\x89HDF'), 'is an HDF5 file'],
];

/** @param head a file's first 512 bytes @returns what it is, for a message that says what was expected */
export function foreignKind(head: Uint8Array): string | undefined {
  return head.length === 0 ? 'is empty (0 bytes)' : kinds.find(([begins]) => begins(head))?.[1];
}
