/** A volume that is uploaded: to a temporary file, which a worker reads, so that other requests go on. */
import { createWriteStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Transform, type Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createTurns } from '../../engine/turns.ts';
import { ImageTooLargeError } from '../../formats/image-size.ts';
import { InputError } from '../../runtime/errors.ts';
import type { VolumeFile } from '../files/volume-file.ts';
import type { VolumeFunctions } from '../workers/volume-worker.ts';
import { startWorker } from '../workers/worker.ts';
import { ServiceError } from './image-store.ts';

function limited(mostBytes: number): Transform {
  let bytes = 0;
  return new Transform({
    transform(piece: Buffer, _, done) {
      bytes += piece.length;
      done(
        bytes > mostBytes
          ? new ServiceError(413, `the upload is over ${mostBytes} bytes; expected at most so many`)
          : null,
        piece,
      );
    },
  });
}

/** One after another: images that are being read are accounted nowhere yet. */
const inTurn = createTurns();

/** Reads in a worker of its own: its memory goes with it. */
async function readInWorker(path: string, mostBytes: number): Promise<VolumeFile> {
  const worker = startWorker<VolumeFunctions>('./volume-worker.js');
  try {
    return (await worker.call((functions) => functions.read(path, mostBytes))) as VolumeFile;
  } finally {
    await worker.close();
  }
}

/** The same refusal, by the client's own name of the file. */
function renamed(error: InputError, path: string, name: string): InputError {
  const message = error.message.replaceAll(path, name || 'the upload');
  return error instanceof ImageTooLargeError ? new ImageTooLargeError(message) : new InputError(message);
}

/**
 * @param name the file's: the reader picks the format by its ending
 * @param mostBytes that the image's values may take in memory
 * @throws InputError as `readVolume`; ImageTooLargeError; ServiceError 413 where the file is larger than any such image
 */
export async function readUpload(body: Readable, name: string, mostBytes: number): Promise<VolumeFile> {
  const folder = await mkdtemp(join(tmpdir(), 'volsam-upload-'));
  // Its name is not trusted with more than an ending.
  const path = join(folder, `upload${/(\.[A-Za-z]{2,5}){1,2}$/.exec(name)?.[0] ?? ''}`);
  try {
    // A file of doubles is twice as large as the image in memory; headers and padding take a little.
    await pipeline(body, limited(2 * mostBytes + 2 ** 20), createWriteStream(path));
    return await inTurn(() => readInWorker(path, mostBytes));
  } catch (error) {
    throw error instanceof InputError ? renamed(error, path, name) : error;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
