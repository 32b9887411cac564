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
 * The values of a DICOM file with one slice. The pipeline by itself: @itk-wasm/dicom's own function starts workers, which
 * this worker cannot.
 */
export async function readSlice(bytes: Uint8Array): Promise<Image['data']> {
  const input = { type: InterfaceTypes.BinaryFile, data: { path: 'slice.dcm', data: bytes } };
  const { returnValue, stderr, outputs } = await runPipeline(
    'read-image-dicom-file-series',
    ['0', '1', '--memory-io', '--input-images', input.data.path, '--single-sorted-series'],
    [{ type: InterfaceTypes.Image }, { type: InterfaceTypes.JsonCompatible }],
    [input],
    { ...here, pipelineBaseUrl: pipelines },
  );
  if (returnValue !== 0) {
    throw new Error(stderr);
  }
  return (outputs[0]!.data as Image).data;
}
