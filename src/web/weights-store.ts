/** Weights that a page has met, kept in its private file system under the hash of their content. Runs in a worker. */
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import { del, get, set } from 'idb-keyval';
import { InputError } from '../runtime/errors.ts';

export interface KeptWeights {
  readonly sha256: string;
  readonly name: string;
}

/** What a server says of a file, by which a later visit tells whether it is still the same one. */
interface Downloaded extends KeptWeights {
  readonly version: string;
}

const lastKey = 'volsam weights | last';
const urlKey = (url: string) => `volsam weights | ${url}`;

async function folder(): Promise<FileSystemDirectoryHandle> {
  return (await navigator.storage.getDirectory()).getDirectoryHandle('weights', { create: true });
}

/** Every browser's private file system can; TypeScript's types do not know it yet. */
function rename(handle: FileSystemFileHandle, name: string): Promise<void> {
  return (handle as FileSystemFileHandle & { move(name: string): Promise<void> }).move(name);
}

/** Writes a stream to a file named by its hash, chunk by chunk. */
async function keepStream(
  stream: ReadableStream<Uint8Array>,
  name: string,
  report?: (bytes: number) => void,
): Promise<KeptWeights> {
  const into = await folder();
  const temporary = `incoming-${crypto.randomUUID()}`;
  const handle = await into.getFileHandle(temporary, { create: true });
  const writable = await handle.createWritable();
  const hash = sha256.create();
  let bytes = 0;
  try {
    for (const reader = stream.getReader(); ; ) {
      const { value, done } = await reader.read();
      if (done) {
        break;
      }
      hash.update(value);
      await writable.write(value as Uint8Array<ArrayBuffer>);
      bytes += value.length;
      report?.(bytes);
    }
    await writable.close();
  } catch (error) {
    await writable.abort();
    await into.removeEntry(temporary);
    throw error;
  }
  const kept = { sha256: bytesToHex(hash.digest()), name };
  if (await keptWeights(kept.sha256)) {
    await into.removeEntry(temporary);
  } else {
    await rename(handle, kept.sha256);
  }
  await set(lastKey, kept);
  return kept;
}

/** @returns undefined where they are no longer there */
export async function keptWeights(hash: string): Promise<File | undefined> {
  try {
    return await (await (await folder()).getFileHandle(hash)).getFile();
  } catch (error) {
    if (error instanceof DOMException && error.name === 'NotFoundError') {
      return undefined;
    }
    throw error;
  }
}

export async function keepFile(file: File, name: string): Promise<void> {
  await keepStream(file.stream(), name);
}

function versionOf({ headers }: Response): string {
  return ['etag', 'last-modified', 'content-length'].map((name) => headers.get(name) ?? '').join(' | ');
}

/** What the server has now; undefined where it cannot be asked, as when offline. */
async function currentVersion(url: string): Promise<string | undefined> {
  try {
    const response = await fetch(url, { method: 'HEAD', cache: 'no-store' });
    return response.ok ? versionOf(response) : undefined;
  } catch {
    return undefined; // no network: what is kept is used
  }
}

/**
 * Downloads, unless what is kept is still what the server has, or no server answers.
 * @param report gets the bytes so far, and in all where the server says
 * @throws InputError where the URL gives no file
 */
export async function keepUrl(
  url: string,
  name: string,
  report: (bytes: number, total: number | undefined) => void,
): Promise<File> {
  const before = await get<Downloaded>(urlKey(url));
  const kept = before && (await keptWeights(before.sha256));
  if (kept && before.version === ((await currentVersion(url)) ?? before.version)) {
    await set(lastKey, { sha256: before.sha256, name });
    return kept;
  }
  const response = await fetch(url).catch((error: Error) => {
    throw new InputError(`${url}: cannot be fetched (${error.message})`);
  });
  if (!response.ok || !response.body) {
    throw new InputError(`${url}: the server answers ${response.status} ${response.statusText}`);
  }
  const total = Number(response.headers.get('content-length')) || undefined;
  const { sha256: hash } = await keepStream(response.body, name, (bytes) => report(bytes, total));
  await set(urlKey(url), { sha256: hash, name, version: versionOf(response) } satisfies Downloaded);
  return (await keptWeights(hash))!;
}

export function lastWeights(): Promise<KeptWeights | undefined> {
  return get<KeptWeights>(lastKey);
}

/** Removes all kept weights. */
export async function forgetWeights(): Promise<void> {
  await del(lastKey);
  await (await navigator.storage.getDirectory()).removeEntry('weights', { recursive: true });
}
