/** `volsam serve`: the page, from the installed package; or an HTTP service. */
import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { openTuned } from './open-tuned.ts';
import { numberFrom, parseConfig, parsePrecisionChoice, presetNamed } from './parsers.ts';
import type { PrecisionChoice } from '../engine/precision.ts';
import { servePage, listening } from '../node/servers/page-server.ts';
import { warnOfClicks } from './model-warnings.ts';
import { readWeights, withConfig } from '../node/files/weights-file.ts';
import { InputError } from '../runtime/errors.ts';
import { createSession } from '../lesions/session.ts';
import { addTuning, precisionHelp } from './options.ts';

interface ServeOptions {
  readonly port: number;
  readonly host: string;
  readonly api?: boolean;
  readonly token?: string;
  readonly weights?: string;
  readonly config?: string;
  readonly preset?: string;
  readonly precision: PrecisionChoice;
  readonly maxImage: number;
  readonly tune: boolean;
}

const loopback = ['127.0.0.1', '::1', 'localhost'];

async function serveApi(given: ServeOptions): Promise<void> {
  const { host, port, weights: path, preset } = given;
  if (path === undefined || preset === undefined) {
    throw new InputError('serve --api: needs --weights and --preset');
  }
  const { createApi } = await import('../node/servers/api-server.ts'); // its libraries are large
  const token = given.token ?? (loopback.includes(host) ? undefined : randomBytes(24).toString('base64url'));
  const weights = withConfig(await readWeights(path), given.config);
  warnOfClicks(weights);
  const session = createSession({
    open: () => openTuned(given),
    weights,
    precision: given.precision,
  });
  const app = await createApi({
    session,
    preset: await presetNamed(preset),
    mostImageBytes: given.maxImage,
    ...(token !== undefined && { token }),
  });
  await app.ready();
  const { url } = await listening(app.server, host, port);
  const started = performance.now();
  session.warmUp().then(
    () => console.log(`ready for the first image after ${((performance.now() - started) / 1e3).toFixed(1)} s`),
    ({ message }: Error) => console.error(`not ready: ${message}`),
  );
  console.log(`volsam answers at ${url} (Ctrl-C ends it); its OpenAPI document is at ${url}openapi.json`);
  if (token !== undefined && given.token === undefined) {
    console.log(`every request needs the header Authorization: Bearer ${token}`);
  }
}

async function serve(given: ServeOptions): Promise<void> {
  if (given.api) {
    return serveApi(given);
  }
  const { url } = await servePage(fileURLToPath(new URL('./web', import.meta.url)), given.host, given.port);
  console.log(`volsam is at ${url} (Ctrl-C ends it)`);
}

export function addServe(program: Command): void {
  addTuning(program.command('serve'))
    .description(
      "open the page, in which volumes are read and segmented by the browser's own GPU; or, with --api, an HTTP service on this one",
    )
    .option('--port <number>', 'of the server; 0 takes a free one', numberFrom(0, true), 8080)
    .option('--host <address>', 'where it listens; browsers give WebGPU to localhost and to https only', '127.0.0.1')
    .option('--api', 'an HTTP service instead of the page')
    .option(
      '--token <text>',
      'with --api: the bearer token that every request needs; drawn at random if others can reach the service and none is given',
    )
    .option('--weights <file>', 'with --api: safetensors, or a PyTorch checkpoint')
    .option('--config <name or JSON>', 'with --api: what the weights file does not say', parseConfig)
    .option('--preset <name or file>', 'with --api: how images are prepared')
    .option('--precision <type>', `with --api: ${precisionHelp}`, parsePrecisionChoice, 'auto')
    .option(
      '--max-image <bytes>',
      'with --api: what one image may take in memory; all together may take twice as much',
      numberFrom(1, true),
      2 ** 32,
    )
    .action(serve);
}
