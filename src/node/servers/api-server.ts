/** A small HTTP service: volumes in, clicks, masks out; its OpenAPI document is made from the routes' own schemas. */
import { timingSafeEqual, createHash, randomUUID } from 'node:crypto';
import type { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import swagger from '@fastify/swagger';
import fastify, { type FastifyInstance } from 'fastify';
import { ImageTooLargeError } from '../../formats/image-size.ts';
import { formatNifti } from '../../formats/nifti-output.ts';
import { createTurns } from '../../engine/turns.ts';
import { InputError } from '../../runtime/errors.ts';
import { paint } from '../../lesions/lesion-mask.ts';
import { measuresOf } from '../../lesions/lesion-measures.ts';
import type { Preset } from '../../volume/preset.ts';
import type { Session } from '../../lesions/session.ts';
import { versions } from '../runs/mask-record.ts';
import type { VolumeFile } from '../files/volume-file.ts';
import { inVoxels, type Click, type Clicks } from '../../volume/clicks.ts';
import { schemas, uploadBody } from './api-schemas.ts';
import { createImageStore, ServiceError, type HeldImage, type ImageStore } from './image-store.ts';
import { readUpload } from './upload.ts';

export interface ApiOptions {
  readonly session: Session;
  readonly preset: Preset;
  /** What every request has to carry as a bearer token; none where only this machine can ask. */
  readonly token?: string;
  /** That one image's values may take in memory. */
  readonly mostImageBytes?: number;
  /** That all images may take. */
  readonly mostHeldBytes?: number;
  /** An image that nobody has asked for since may make room for others. */
  readonly idleMilliseconds?: number;
}

/** Kept of an image. */
const mostLesions = 255;

const compressed = promisify(gzip);

function isToken(given: string | undefined, token: string): boolean {
  const digest = (value: string) => createHash('sha256').update(value).digest();
  return timingSafeEqual(digest(given ?? ''), digest(`Bearer ${token}`));
}

/** Masks in turn: the session has one image at a time. */
function createMaskMaker(session: Session, preset: Preset) {
  const inTurn = createTurns();
  let current: VolumeFile | undefined;
  return {
    maskOf: (volume: VolumeFile, clicks: Clicks) =>
      inTurn(async () => {
        if (current !== volume) {
          session.load(volume.image, preset);
          current = volume;
        }
        return session.segment(clicks);
      }),
    /** Gives back what the session keeps of an image. */
    release: ({ volume }: HeldImage) =>
      void inTurn(async () => {
        if (current === volume) {
          session.unload();
          current = undefined;
        }
      }),
  };
}

function addImages(app: FastifyInstance, images: ImageStore, mostImageBytes: number): void {
  app.post('/v1/images', { schema: schemas.addImage }, async ({ body, query }) => {
    const { name } = query as { name: string };
    if (body === null || body === undefined) {
      throw new InputError("the request has no body; expected a volume's file");
    }
    const { id, volume } = images.add(await readUpload(body as Readable, name, mostImageBytes));
    return { id, dims: volume.image.dims, spacing: volume.image.spacing, notes: volume.notes };
  });

  app.delete('/v1/images/:image', { schema: schemas.removeImage }, async ({ params }, reply) => {
    images.remove((params as { image: string }).image);
    return reply.code(204).send();
  });
}

function addLesions(
  app: FastifyInstance,
  images: ImageStore,
  { maskOf }: Pick<ReturnType<typeof createMaskMaker>, 'maskOf'>,
): void {
  app.post(
    '/v1/images/:image/lesions',
    {
      schema: schemas.segment,
      preValidation: async ({ headers, body }) => {
        if (!/^application\/json\b/i.test(headers['content-type'] ?? '')) {
          (body as Readable | null)?.resume();
          throw new ServiceError(
            415,
            `the body's content type is ${headers['content-type'] ?? 'not given'}; expected application/json`,
          );
        }
      },
    },
    ({ params, body }) => {
      const { clicks, space } = body as { clicks: Click[]; space: 'voxel' | 'ras' };
      return images.use((params as { image: string }).image, async ({ id, volume, lesions }) => {
        const { mask, milliseconds, precision } = await maskOf(
          volume,
          inVoxels(volume.image, { space, byLesion: [clicks] })[0]!,
        );
        const lesion = randomUUID();
        lesions.set(lesion, mask);
        [...lesions.keys()]
          .slice(0, Math.max(0, lesions.size - mostLesions))
          .forEach((oldest) => lesions.delete(oldest));
        return {
          id: lesion,
          mask: `/v1/images/${id}/lesions/${lesion}/mask.nii.gz`,
          ...measuresOf(mask, volume.image),
          milliseconds,
          precision,
        };
      });
    },
  );

  app.get('/v1/images/:image/lesions/:lesion/mask.nii.gz', { schema: schemas.mask }, ({ params }, reply) => {
    const { image: imageId, lesion } = params as { image: string; lesion: string };
    return images.use(imageId, async ({ id, volume: { image }, lesions }) => {
      const mask = lesions.get(lesion);
      if (!mask) {
        throw new ServiceError(404, `no lesion ${lesion} of image ${id}, of which the last ${mostLesions} are kept`);
      }
      const grid = new Uint8Array(image.values.length);
      paint(grid, image.dims, mask, 1);
      return reply.type('application/gzip').send(await compressed(formatNifti(image, grid, false)));
    });
  });
}

function statusOf(error: Error & { validation?: unknown; statusCode?: number }): number {
  if (error instanceof ImageTooLargeError) {
    return 413;
  }
  return error instanceof InputError || error.validation ? 400 : (error.statusCode ?? 500);
}

function addDocument(app: FastifyInstance, token: string | undefined): void {
  void app.register(swagger, {
    openapi: {
      openapi: '3.0.3',
      info: {
        title: 'volsam',
        version: versions.volsam,
        description: 'Clicks in a CT or MR volume to tumour masks. Research software, not a medical device.',
      },
      ...(token !== undefined && {
        components: { securitySchemes: { token: { type: 'http', scheme: 'bearer' } } },
        security: [{ token: [] }],
      }),
    },
  });
}

/** The document that the schemas make, with the upload's body, which is a stream and so has none. */
function documentOf(app: FastifyInstance): object {
  const document = app.swagger() as { paths: Record<string, { post?: object }> };
  const { post } = document.paths['/v1/images']!;
  return { ...document, paths: { ...document.paths, '/v1/images': { post: { ...post, requestBody: uploadBody } } } };
}

/** A server that is not listening yet. */
export async function createApi(options: ApiOptions): Promise<FastifyInstance> {
  const {
    token,
    mostImageBytes = 2 ** 32,
    mostHeldBytes = 2 * mostImageBytes,
    idleMilliseconds = 15 * 60_000,
  } = options;
  const app = fastify();
  // What is not JSON goes on as it comes.
  app.removeContentTypeParser('text/plain');
  app.addContentTypeParser('*', (_, body, done) => done(null, body));
  addDocument(app, token);
  await app.after();
  app.setErrorHandler((error: Error, _, reply) => reply.code(statusOf(error)).send({ message: error.message }));
  app.addHook('onRequest', async ({ headers }, reply) => {
    if (token !== undefined && !isToken(headers.authorization, token)) {
      return reply
        .code(401)
        .send({ message: 'the token is missing or wrong; expected the header Authorization: Bearer TOKEN' });
    }
  });
  const maker = createMaskMaker(options.session, options.preset);
  const images = createImageStore({ mostBytes: mostHeldBytes, idleMilliseconds, released: maker.release });
  app.get('/openapi.json', { schema: { hide: true } }, () => documentOf(app));
  await app.register(async (uploads) => {
    uploads.removeAllContentTypeParsers(); // an upload of any type, or of none, is a file
    uploads.addContentTypeParser('*', (_, body, done) => done(null, body));
    addImages(uploads, images, mostImageBytes);
  });
  addLesions(app, images, maker);
  return app;
}
