/** Files from a server, and to the browser's downloads. */

/** @throws Error where the server does not give the file */
export async function fetched(url: string): Promise<Blob> {
  const response = await fetch(url);
  if (!response.ok) {
    throw new Error(`${url}: the server answers ${response.status} ${response.statusText}`);
  }
  return response.blob();
}

/** Hands a file over to be kept. */
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
  return (
    words
      .trim()
      .replace(/[^\p{L}\p{N}]+/gu, '-')
      .replace(/^-|-$/g, '')
      .toLowerCase() || 'lesion'
  );
}
