#!/usr/bin/env node
/** The `volsam` command. */
import { Command } from 'commander';
import { VolsamError } from '../runtime/errors.ts';
import { addAuto } from './auto.ts';
import { addBatch } from './batch.ts';
import { addConvert } from './convert.ts';
import { doctor } from './doctor.ts';
import { addEvaluate } from './evaluate.ts';
import { addExport } from './export.ts';
import { addInspect } from './inspect.ts';
import { addPreset } from './preset.ts';
import { addProfile } from './profile.ts';
import { addRepl } from './repl.ts';
import { addReplay } from './replay.ts';
import { addSegment } from './segment.ts';
import { addServe } from './serve.ts';
import { addTrain } from './train.ts';

const program = new Command('volsam')
  .description('One click in a CT or MR volume gives a tumour mask, on your own GPU. Research software, not a medical device.')
  .showHelpAfterError();

addSegment(program);
addReplay(program);
addAuto(program);
addBatch(program);
addTrain(program);
addExport(program);
addEvaluate(program);
addProfile(program);
addServe(program);
addRepl(program);
addConvert(program);
addInspect(program);
addPreset(program);
program.command('doctor').description('what volsam finds on this machine, how fast it is, and what is missing').option('--json', 'one JSON object').action(doctor);

try {
  await program.parseAsync();
} catch (error) {
  if (!(error instanceof VolsamError)) {
    throw error;
  }
  console.error(`volsam: ${error.message}`);
  process.exitCode = 1;
}
