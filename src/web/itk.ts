/**
 * ITK's readers in a page's worker, as a module of its own: it and the pipelines in `itk/` beside it are fetched when a file
 * asks for them, and never from anywhere else.
 */
import { metaReadImage, nrrdReadImage, setPipelinesBaseUrl } from '@itk-wasm/image-io';
import { InterfaceTypes, runPipeline, type Image } from 'itk-wasm';

const pipelines = new URL('./itk', import.meta.url).href;
setPipelinesBaseUrl(pipelines);

/** This is a worker already. */
const here = { webWorker: false } as const;

export const readNrrd = async (file: File): Promise<Image> => (await nrrdReadImage(file, here)).image;

export const readMeta = async (file: File): Promise<Image> => (await metaReadImage(file, here)).image;

/**
 * The pipeline by itself: @itk-wasm/dicom's own function starts workers, which this worker cannot.
 * @param slices in order
 */
export async function readSeries(slices: readonly File[]): Promise<Image> {
  const inputs = await Promise.all(
    slices.map(async (file, i) => ({
      type: InterfaceTypes.BinaryFile,
      data: { path: `${i}.dcm`, data: new Uint8Array(await file.arrayBuffer()) },
    })),
  );
  const args = [
    '0',
    '1',
    '--memory-io',
    '--input-images',
    ...inputs.map(({ data }) => data.path),
    '--single-sorted-series',
  ];
  const { returnValue, stderr, outputs } = await runPipeline(
    'read-image-dicom-file-series',
    args,
    [{ type: InterfaceTypes.Image }, { type: InterfaceTypes.JsonCompatible }],
    inputs,
    { ...here, pipelineBaseUrl: pipelines },
  );
  if (returnValue !== 0) {
    throw new Error(stderr);
  }
  return outputs[0]!.data as Image;
}
