/** Runs ITK's own readers and writers off the main thread, where what they print can be held back; `itk.ts` is the other end. */
import { parentPort } from 'node:worker_threads';
import type { Image } from 'itk-wasm';

/** Paths are absolute. */
export type ItkRequest =
  | { readonly kind: 'read image'; readonly path: string }
  | { readonly kind: 'write image'; readonly path: string; readonly image: Image }
  | { readonly kind: 'read series'; readonly slices: readonly string[] }
  | { readonly kind: 'write segmentation'; readonly path: string; readonly image: Image; readonly description: object; readonly slices: readonly string[] };

export interface ItkAnswer {
  readonly image?: Image;
  readonly failure?: string;
}

/** ITK's libraries are loaded when they are first asked for: they are large. */
async function answer(request: ItkRequest): Promise<Image | undefined> {
  switch (request.kind) {
    case 'read image': return (await import('@itk-wasm/image-io')).readImageNode(request.path);
    case 'write image': {
      await (await import('@itk-wasm/image-io')).writeImageNode(request.image, request.path, { useCompression: true });
      return undefined;
    }
    case 'read series': {
      const { readImageDicomFileSeriesNode } = await import('@itk-wasm/dicom');
      return (await readImageDicomFileSeriesNode({ inputImages: [...request.slices], singleSortedSeries: true })).outputImage;
    }
    case 'write segmentation': {
      const { writeSegmentationNode } = await import('@itk-wasm/dicom');
      await writeSegmentationNode(request.image, request.description as never, request.path, { refDicomSeries: [...request.slices], skipEmptySlices: true });
      return undefined;
    }
  }
}

/** Its exceptions are addresses in its own memory, which tell nobody anything. */
function sentenceOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'ERR_MODULE_NOT_FOUND' && message.includes('@itk-wasm')) {
    return 'ITK\'s libraries are not installed; npm install @itk-wasm/image-io @itk-wasm/dicom brings them';
  }
  return error instanceof Error ? message : 'ITK cannot make sense of it';
}

parentPort!.on('message', (request: ItkRequest) => {
  answer(request).then(
    (image) => parentPort!.postMessage({ image } satisfies ItkAnswer, image?.data?.buffer instanceof ArrayBuffer ? [image.data.buffer] : []),
    (error: unknown) => parentPort!.postMessage({ failure: sentenceOf(error) } satisfies ItkAnswer));
});
