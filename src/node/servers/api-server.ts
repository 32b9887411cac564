/** A small HTTP service: volumes in, clicks, masks out; its OpenAPI document is made from the routes' own schemas. */
import { timingSafeEqual, createHash, randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import swagger from '@fastify/swagger';
import fastify, { type FastifyInstance } from 'fastify';
import { formatNifti } from '../../formats/nifti-output.ts';
import { createTurns } from '../../engine/turns.ts';
import { InputError } from '../../runtime/errors.ts';
import { paint, type LesionMask } from '../../lesions/lesion-mask.ts';
import { measuresOf } from '../../lesions/lesion-measures.ts';
import { worldToVoxel } from '../../volume/orientation.ts';
import type { Preset } from '../../volume/preset.ts';
import type { Session } from '../../lesions/session.ts';
import { versions } from '../runs/mask-record.ts';
import { readVolume, type VolumeFile } from '../files/volume-file.ts';
import type { Clicks } from '../../volume/clicks.ts';

export interface ApiOptions {
  readonly session: Session;
  readonly preset: Preset;
  /** What every request has to carry as a bearer token; none where only this machine can ask. */
  readonly token?: string;
}

interface Held {
  readonly volume: VolumeFile;
  readonly lesions: Map<string, LesionMask>;
}

/** Volumes kept at a time; the oldest makes room. */
const mostImages = 8;
const mostBytes = 2 ** 30;

const text = { type: 'string' } as const;
const number = { type: 'number' } as const;
const triple = { type: 'array', items: number, minItems: 3, maxItems: 3 } as const;
const problem = { type: 'object', properties: { message: text } } as const;
const problems = { 400: problem, 401: problem, 404: problem };
const imageShape = {
  type: 'object',
  properties: { id: text, dims: triple, spacing: triple, notes: { type: 'array', items: text } },
} as const;
const lesionShape = {
  type: 'object',
  properties: {
    id: text,
    mask: text,
    voxels: number,
    millilitres: number,
    axialDiameterMm: number,
    diameterMm: number,
    milliseconds: number,
  },
} as const;

class NotFound extends Error {}

/** Reads through a temporary file, since the reader picks the format by the file's extension. @throws InputError as `readVolume` */
async function readUpload(bytes: Buffer, name: string): Promise<VolumeFile> {
  const folder = await mkdtemp(join(tmpdir(), 'volsam-upload-'));
  try {
    const path = join(folder, basename(name));
    await writeFile(path, bytes);
    return await readVolume(path).catch((error: Error) => {
      throw new InputError(error.message.replaceAll(`${folder}/`, ''));
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function isToken(given: string | undefined, token: string): boolean {
  const digest = (value: string) => createHash('sha256').update(value).digest();
  return timingSafeEqual(digest(given ?? ''), digest(`Bearer ${token}`));
}

/** Masks in turn: the session has one image at a time. */
function createMaskMaker(session: Session, preset: Preset) {
  const inTurn = createTurns();
  let current: VolumeFile | undefined;
  return (volume: VolumeFile, clicks: Clicks) =>
    inTurn(async () => {
      if (current !== volume) {
        session.load(volume.image, preset);
        current = volume;
      }
      return session.segment(clicks);
    });
}

function addRoutes(app: FastifyInstance, { session, preset }: ApiOptions): void {
  const images = new Map<string, Held>();
  const maskOf = createMaskMaker(session, preset);
  const held = (id: string): Held => {
    const found = images.get(id);
    if (!found) {
      throw new NotFound(`no image ${id}; it may have made room for others`);
    }
    return found;
  };

  app.get('/openapi.json', { schema: { hide: true } }, () => app.swagger());

  app.post(
    '/v1/images',
    {
      schema: {
        summary: "A volume, as the request's body",
        consumes: ['application/octet-stream'],
        querystring: {
          type: 'object',
          required: ['name'],
          properties: { name: { ...text, description: 'its extension says the format: .nii, .nii.gz, .nrrd, .mha' } },
        },
        response: { 200: imageShape, ...problems },
      },
    },
    async ({ body, query }) => {
      if (!Buffer.isBuffer(body) || body.length === 0) {
        throw new InputError("the request has no body; expected a volume's file");
      }
      const volume = await readUpload(body, (query as { name: string }).name);
      const id = randomUUID();
      images.set(id, { volume, lesions: new Map() });
      [...images.keys()].slice(0, Math.max(0, images.size - mostImages)).forEach((oldest) => images.delete(oldest));
      return { id, dims: volume.image.dims, spacing: volume.image.spacing, notes: volume.notes };
    },
  );

  app.post(
    '/v1/images/:image/lesions',
    {
      schema: {
        summary: 'The lesion under some clicks',
        params: { type: 'object', properties: { image: text } },
        body: {
          type: 'object',
          required: ['clicks'],
          properties: {
            clicks: { type: 'array', items: triple, minItems: 1 },
            space: { type: 'string', enum: ['voxel', 'ras'], default: 'voxel' },
          },
        },
        response: { 200: lesionShape, ...problems },
      },
    },
    async ({ params, body }) => {
      const { image: id } = params as { image: string };
      const { clicks, space } = body as { clicks: number[][]; space: 'voxel' | 'ras' };
      const { volume, lesions } = held(id);
      const { mask, milliseconds } = await maskOf(
        volume,
        space === 'ras' ? clicks.map((click) => worldToVoxel(volume.image.affine, click)) : clicks,
      );
      const lesion = randomUUID();
      lesions.set(lesion, mask);
      return {
        id: lesion,
        mask: `/v1/images/${id}/lesions/${lesion}/mask.nii.gz`,
        ...measuresOf(mask, volume.image),
        milliseconds,
      };
    },
  );

  app.get(
    '/v1/images/:image/lesions/:lesion/mask.nii.gz',
    {
      schema: {
        summary: "A lesion's mask on the image's grid",
        params: { type: 'object', properties: { image: text, lesion: text } },
        produces: ['application/gzip'],
      },
    },
    async ({ params }, reply) => {
      const { image: id, lesion } = params as { image: string; lesion: string };
      const {
        volume: { image },
        lesions,
      } = held(id);
      const mask = lesions.get(lesion);
      if (!mask) {
        throw new NotFound(`no lesion ${lesion} of image ${id}`);
      }
      const grid = new Uint8Array(image.values.length);
      paint(grid, image.dims, mask, 1);
      return reply.type('application/gzip').send(Buffer.from(formatNifti(image, grid, true)));
    },
  );

  app.delete(
    '/v1/images/:image',
    {
      schema: {
        summary: 'Forgets a volume and its lesions',
        params: { type: 'object', properties: { image: text } },
        response: { 204: { type: 'null' }, ...problems },
      },
    },
    async ({ params }, reply) => {
      held((params as { image: string }).image);
      images.delete((params as { image: string }).image);
      return reply.code(204).send();
    },
  );
}

/** A server that is not listening yet. */
export async function createApi(options: ApiOptions): Promise<FastifyInstance> {
  const app = fastify({ bodyLimit: mostBytes });
  app.addContentTypeParser('application/octet-stream', { parseAs: 'buffer' }, (_, body, done) => done(null, body));
  await app.register(swagger, {
    openapi: {
      openapi: '3.0.3',
      info: {
        title: 'volsam',
        version: versions.volsam,
        description: 'Clicks in a CT or MR volume to tumour masks. Research software, not a medical device.',
      },
      ...(options.token !== undefined && {
        components: { securitySchemes: { token: { type: 'http', scheme: 'bearer' } } },
        security: [{ token: [] }],
      }),
    },
  });
  app.setErrorHandler((error: Error & { validation?: unknown; statusCode?: number }, _, reply) => {
    const code =
      error instanceof InputError || error.validation
        ? 400
        : error instanceof NotFound
          ? 404
          : (error.statusCode ?? 500);
    return reply.code(code).send({ message: error.message });
  });
  app.addHook('onRequest', async ({ headers }, reply) => {
    if (options.token !== undefined && !isToken(headers.authorization, options.token)) {
      return reply
        .code(401)
        .send({ message: 'the token is missing or wrong; expected the header Authorization: Bearer TOKEN' });
    }
  });
  addRoutes(app, options);
  return app;
}
