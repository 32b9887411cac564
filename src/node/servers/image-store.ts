/** The images that a service holds for its clients, by the bytes that they take. */
import { randomUUID } from 'node:crypto';
import type { LesionMask } from '../../lesions/lesion-mask.ts';
import type { VolumeFile } from '../files/volume-file.ts';

export interface HeldImage {
  readonly id: string;
  readonly volume: VolumeFile;
  readonly lesions: Map<string, LesionMask>;
}

/** A client's mistake, or the service's limit, with its HTTP status. */
export class ServiceError extends Error {
  readonly statusCode: number;
  constructor(statusCode: number, message: string) {
    super(message);
    this.statusCode = statusCode;
  }
}

export interface ImageStoreOptions {
  /** Of all images together. */
  readonly mostBytes: number;
  /** An image that nobody has asked for since may make room. */
  readonly idleMilliseconds: number;
  /** Told when an image is given up. */
  readonly released: (image: HeldImage) => void;
}

export interface ImageStore {
  /** @throws ServiceError 503 where images in use leave no room */
  add(volume: VolumeFile): HeldImage;
  /** Calls back with an image, which stays as long as the call lasts. @throws ServiceError 404, or 410 of one that made room */
  use<T>(id: string, work: (image: HeldImage) => Promise<T>): Promise<T>;
  /** @throws ServiceError 404, 410 */
  remove(id: string): void;
}

interface Entry {
  readonly image: HeldImage;
  readonly bytes: number;
  lastUse: number;
  users: number;
}

/** The most identifiers of dropped images to remember: a request for one of them is answered by 410, not 404. */
const mostRemembered = 10_000;

export function createImageStore({ mostBytes, idleMilliseconds, released }: ImageStoreOptions): ImageStore {
  const entries = new Map<string, Entry>();
  const gone = new Set<string>();

  function drop({ image }: Entry): void {
    entries.delete(image.id);
    released(image);
  }

  /** Gives up images that have not been used for long, the longest first, until the bytes fit. */
  function makeRoom(bytes: number): void {
    const held = () => [...entries.values()].reduce((sum, entry) => sum + entry.bytes, 0);
    const isIdle = ({ users, lastUse }: Entry) => users === 0 && Date.now() - lastUse >= idleMilliseconds;
    const idle = [...entries.values()].filter(isIdle).sort((a, b) => a.lastUse - b.lastUse);
    while (held() + bytes > mostBytes && idle.length > 0) {
      const entry = idle.shift()!;
      drop(entry);
      gone.add(entry.image.id);
    }
    [...gone].slice(0, Math.max(0, gone.size - mostRemembered)).forEach((id) => gone.delete(id));
    if (held() + bytes > mostBytes) {
      throw new ServiceError(
        503,
        `the service holds ${entries.size} images of ${held()} bytes, all in use lately, and has room for ${mostBytes}; this one takes ${bytes}: delete images that are done with, or try again later`,
      );
    }
  }

  function entryOf(id: string): Entry {
    const entry = entries.get(id);
    if (!entry) {
      throw gone.has(id)
        ? new ServiceError(410, `image ${id} was not used for a while and made room for others; upload it again`)
        : new ServiceError(404, `no image ${id}`);
    }
    return entry;
  }

  return {
    add(volume) {
      const bytes = volume.image.values.byteLength;
      makeRoom(bytes);
      const image = { id: randomUUID(), volume, lesions: new Map<string, LesionMask>() };
      entries.set(image.id, { image, bytes, lastUse: Date.now(), users: 0 });
      return image;
    },
    async use(id, work) {
      const entry = entryOf(id);
      entry.users++;
      try {
        return await work(entry.image);
      } finally {
        entry.users--;
        entry.lastUse = Date.now();
      }
    },
    remove: (id) => drop(entryOf(id)),
  };
}
