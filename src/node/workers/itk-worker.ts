/**
 * Runs ITK's own readers and writers off the main thread, where what they print can be held back; `itk.ts` is the other
 * end. Paths are absolute. The libraries are loaded when they are first asked for: they are large.
 */
import { transfer } from 'comlink';
import type { Image } from 'itk-wasm';
import { InputError } from '../../runtime/errors.ts';
import { serveFunctions } from './worker.ts';

/** ITK throws addresses in its own memory; this throws a sentence. */
async function explained<T>(file: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const isMissing = code === 'ERR_MODULE_NOT_FOUND' && message.includes('@itk-wasm');
    const reason = isMissing
      ? "ITK's libraries are not installed; npm install @itk-wasm/image-io @itk-wasm/dicom brings them"
      : error instanceof Error
        ? message
        : 'ITK cannot make sense of it';
    throw new InputError(`${file}: ${reason}`);
  }
}

function moved(image: Image): Image {
  return image.data?.buffer instanceof ArrayBuffer ? transfer(image, [image.data.buffer]) : image;
}

const functions = {
  readImage: (path: string) =>
    explained(path, async () => moved(await (await import('@itk-wasm/image-io')).readImageNode(path))),
  writeImage: (path: string, image: Image) =>
    explained(path, async () =>
      (await import('@itk-wasm/image-io')).writeImageNode(image, path, { useCompression: true }),
    ),
  /** @param file its name, for messages @returns the values of a file with one slice */
  readSlice: (file: string, path: string) =>
    explained(file, async () => {
      const { readImageDicomFileSeriesNode } = await import('@itk-wasm/dicom');
      const { outputImage } = await readImageDicomFileSeriesNode({ inputImages: [path], singleSortedSeries: true });
      return outputImage.data;
    }),
  /** @throws InputError where ITK's DICOM library is not installed */
  checkSegmentationWriter: (path: string) => explained(path, async () => void (await import('@itk-wasm/dicom'))),
  writeSegmentation: (path: string, image: Image, description: object, slices: string[]) =>
    explained(path, async () => {
      const { writeSegmentationNode } = await import('@itk-wasm/dicom');
      await writeSegmentationNode(image, description as never, path, { refDicomSeries: slices, skipEmptySlices: true });
    }),
};

export type ItkFunctions = typeof functions;

serveFunctions(functions);
