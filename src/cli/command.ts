/** The `volsam` command: its sub-commands, and how it ends. */
import { Command, CommanderError, type Option } from 'commander';
import packageJson from '../../package.json' with { type: 'json' };
import { VolsamError } from '../runtime/errors.ts';
import { addAuto } from './auto.ts';
import { addBatch } from './batch.ts';
import { addBench } from './bench.ts';
import { addCompare } from './compare.ts';
import { addConvert } from './convert.ts';
import { addDoctor } from './doctor.ts';
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

/** In the order of the help. */
const commands = [
  addSegment,
  addReplay,
  addAuto,
  addBatch,
  addTrain,
  addExport,
  addEvaluate,
  addCompare,
  addProfile,
  addBench,
  addServe,
  addRepl,
  addConvert,
  addInspect,
  addPreset,
  addDoctor,
];

/** Options that most people never need; the help lists them last. */
const seldomNeeded = [
  '--no-tune',
  '--max-memory',
  '--config',
  '--precision',
  '--identified',
  '--seed',
  '--weight-decay',
  '--lora-rank',
  '--prompt-recipe',
  '--cache',
  '--validate-every',
  '--prediction-label',
  '--tolerance',
];

const groups = ['Required:', 'Options:', 'Seldom needed:'] as const;

function groupOf({ mandatory, long }: Option): number {
  return mandatory ? 0 : seldomNeeded.includes(long ?? '') ? 2 : 1;
}

/** The help lists required options first and what is seldom needed last. */
function groupOptions(command: Command): void {
  (command.options as Option[]).sort((a, b) => groupOf(a) - groupOf(b));
  command.options.forEach((option) => option.helpGroup(groups[groupOf(option)]!));
}

/** A mistake is answered by what is wrong and how the command is called, a line each; not by the whole help. */
function answerMistakes(command: Command): void {
  const required = command.options.filter(({ mandatory }) => mandatory).map(({ flags }) => flags.replace(/^-\w, /, ''));
  const usage = command
    .createHelp()
    .commandUsage(command)
    .replace('[options]', [...required, '[options]'].join(' '));
  command
    .configureOutput({
      outputError: (text, write) =>
        write(
          `${text
            .trim()
            .replace(/^error: /, 'volsam: ')
            .replaceAll('\n', ' ')}\n`,
        ),
    })
    .showHelpAfterError(`usage: ${usage}`)
    .exitOverride();
}

function createProgram(): Command {
  const program = new Command('volsam')
    .description(
      'One click in a CT or MR volume gives a tumour mask, on your own GPU. Research software, not a medical device.',
    )
    .version(packageJson.version, '--version', 'print the version');
  commands.forEach((add) => add(program));
  [program, ...program.commands].forEach((command) => {
    groupOptions(command);
    answerMistakes(command);
  });
  return program;
}

/** An error that nobody foresaw. */
function describeFault({ message, stack }: Error): string {
  return process.env.VOLSAM_DEBUG
    ? `${stack}`
    : `${message.split('\n')[0]} (a fault of volsam's own; please report it, with what VOLSAM_DEBUG=1 prints)`;
}

/** Control characters but ends of lines: a parser's message may quote a binary file. */
const unprintable = /[^\P{Cc}\n]/gu;

/**
 * Runs the command and sets the process' exit code: 1 where something was refused, 2 where some of many cases failed.
 * @param args without the program's name
 */
export async function runCommand(args: readonly string[]): Promise<void> {
  try {
    await createProgram().parseAsync([...args], { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError) {
      // it has printed what it found
      process.exitCode = error.exitCode;
      return;
    }
    const said = error instanceof VolsamError ? error.message : describeFault(error as Error);
    console.error(`volsam: ${said.replace(unprintable, '\ufffd')}`);
    process.exitCode = 1;
  }
}
