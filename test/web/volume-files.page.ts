/** What the page reads of dropped files, for `volume-files.test.ts`. */
import { readVolumeFiles } from '../../src/web/volume-files.ts';

export interface ReadVolume {
  readonly dims: readonly number[];
  readonly affine: readonly (readonly number[])[];
  readonly spacing: readonly number[];
  readonly notes: readonly string[];
  /** Of the values' bytes. */
  readonly sha256: string;
}

/** @returns what was read, or the refusal's message */
export async function readDropped(files: readonly { name: string; base64: string }[]): Promise<ReadVolume | string> {
  const dropped = files.map(
    ({ name, base64 }) => new File([Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0))], name),
  );
  try {
    const { image, notes } = await readVolumeFiles(dropped);
    const digest = await crypto.subtle.digest('SHA-256', image.values as Float32Array<ArrayBuffer>);
    const sha256 = [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
    return { dims: image.dims, affine: image.affine, spacing: image.spacing, notes, sha256 };
  } catch (error) {
    return (error as Error).message;
  }
}

Object.assign(globalThis, { readDropped });
