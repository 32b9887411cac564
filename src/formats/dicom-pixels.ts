/** The stored values of a DICOM slice: as they are in an uncompressed file; a compressed one is left to ITK. */
import type dicomParser from 'dicom-parser';
import { InputError } from '../runtime/errors.ts';
import { openDicom, pixelData, syntaxes } from './dicom.ts';

/** What an encapsulated element has in place of its length. */
const undefinedLength = 0xffffffff;

/** How a value lies in its bits (PS3.5, section 8.1.1). */
interface Bits {
  readonly allocated: number;
  readonly stored: number;
  readonly lowest: number;
  readonly isSigned: boolean;
}

function bitsOf(data: dicomParser.DataSet, file: string): Bits {
  const allocated = data.uint16('x00280100') ?? 16;
  const stored = data.uint16('x00280101') ?? allocated;
  const highest = data.uint16('x00280102') ?? stored - 1;
  const lowest = highest - stored + 1;
  if (![8, 16, 32].includes(allocated) || stored < 1 || lowest < 0 || highest >= allocated) {
    throw new InputError(
      `${file}: ${stored} bits of ${allocated}, the highest ${highest}; expected values within 8, 16 or 32 bits`,
    );
  }
  return { allocated, stored, lowest, isSigned: data.uint16('x00280103') === 1 };
}

/** Reads the values' bits, without those that lie beside them. */
function valuesIn(view: DataView, count: number, { allocated, stored, lowest, isSigned }: Bits, little: boolean) {
  const values = new Float64Array(count);
  const [above, below] = [32 - lowest - stored, 32 - stored];
  for (let i = 0; i < count; i++) {
    const raw =
      allocated === 8
        ? view.getUint8(i)
        : allocated === 16
          ? view.getUint16(2 * i, little)
          : view.getUint32(4 * i, little);
    values[i] = isSigned ? (raw << above) >> below : (raw << above) >>> below;
  }
  return values;
}

/** @throws InputError where the last fragment of an encapsulated file is not whole */
function checkFragments(bytes: Uint8Array, from: number, file: string): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = from;
  while (at + 8 <= bytes.length) {
    const [element, length] = [view.getUint16(at + 2, true), view.getUint32(at + 4, true)];
    if (view.getUint16(at, true) !== 0xfffe) {
      break;
    }
    if (element === 0xe0dd) {
      return;
    }
    at += 8 + length;
  }
  throw new InputError(
    `${file}: its compressed pixel data is cut short: the file ends at byte ${bytes.length}, within a fragment`,
  );
}

/**
 * @param bytes of a file whose header is that of a slice
 * @param file its name, for messages
 * @returns row by row; undefined where they are compressed
 * @throws InputError where pixel data is missing or cut short
 */
export function storedValues(
  bytes: Uint8Array,
  { rows, columns }: { readonly rows: number; readonly columns: number },
  file: string,
): Float64Array | undefined {
  const data = openDicom(bytes);
  const element = data?.elements[pixelData];
  if (!data || !element) {
    throw new InputError(`${file}: has no pixel data; expected ${columns} x ${rows} values`);
  }
  if (element.length === undefinedLength || element.hadUndefinedLength) {
    checkFragments(data.byteArray as Uint8Array, element.dataOffset, file);
    return undefined;
  }
  const bits = bitsOf(data, file);
  const expectedBytes = (rows * columns * bits.allocated) / 8;
  const whole = data.byteArray as Uint8Array; // a deflated file is another array than the file's
  const foundBytes = Math.min(element.length, whole.length - element.dataOffset);
  if (foundBytes < expectedBytes) {
    throw new InputError(
      `${file}: its pixel data is cut short: ${columns} x ${rows} values need ${expectedBytes} bytes, the file has ${Math.max(0, foundBytes)}`,
    );
  }
  const view = new DataView(whole.buffer, whole.byteOffset + element.dataOffset, expectedBytes);
  return valuesIn(view, rows * columns, bits, data.string('x00020010') !== syntaxes.explicitBigEndian);
}

/** A copy of a slice's file that decoders read as stored values: its rescale is 1 x + 0, and it is displayed as it is. */
export function withoutRescale(bytes: Uint8Array): Uint8Array {
  const data = openDicom(bytes)!;
  const copy = new Uint8Array(data.byteArray);
  const write = (tag: string, text: string) => {
    const element = data.elements[tag];
    if (element && element.length >= text.length) {
      copy.fill(0x20, element.dataOffset, element.dataOffset + element.length);
      copy.set(new TextEncoder().encode(text), element.dataOffset);
    }
  };
  write('x00281052', '0');
  write('x00281053', '1');
  write('x00280004', 'MONOCHROME2');
  return copy;
}
