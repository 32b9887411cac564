/** Hands a file to the browser's downloads. */
export function download(name: string, content: BlobPart): void {
  const url = URL.createObjectURL(new Blob([content]));
  const link = Object.assign(document.createElement('a'), { href: url, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

/** A file's name without its image extension. */
export function stemOf(name: string): string {
  return name.replace(/\.nii(\.gz)?$/i, '');
}

/** A person's words as a part of a file name. */
export function slugOf(words: string): string {
  return words.trim().replace(/[^\p{L}\p{N}]+/gu, '-').replace(/^-|-$/g, '').toLowerCase() || 'lesion';
}
