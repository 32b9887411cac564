/** How much memory an image takes, known from its header before it is unpacked. */
import { InputError } from '../runtime/errors.ts';

/** An image that takes more memory than is allowed. */
export class ImageTooLargeError extends InputError {
  override readonly name = 'ImageTooLargeError';
}

/** Of its values, as volsam holds them. */
function imageBytes(dims: readonly number[]): number {
  return dims.reduce((product, side) => product * side, 4);
}

/** @throws ImageTooLargeError */
export function checkImageBytes(dims: readonly number[], mostBytes: number, file: string): void {
  if (imageBytes(dims) > mostBytes) {
    throw new ImageTooLargeError(
      `${file}: ${dims.join(' x ')} voxels take ${imageBytes(dims)} bytes in memory; expected at most ${mostBytes}`,
    );
  }
}
