/** What compile-forms.ts says of a form before the driver says what it made of it. */
import type { Precision } from '../../src/kernels/kernel.ts';
import type { Pass } from './recorded-commands.ts';

export interface Wanted {
  readonly pass: Pass;
  readonly config: string;
  readonly precision: Precision;
  /** That kernel and its forms alone. */
  readonly kernel?: string | undefined;
  /** As `openGpu` has it: true by default. */
  readonly boundsChecks?: boolean;
}

/** One form of one dispatch. */
export interface CompiledForm {
  /** Forms of one number are alternatives. */
  readonly dispatch: number;
  readonly kernel: string;
  readonly form: string;
  /** What its text was fitted to, such as matrices; empty where nothing. */
  readonly fit: string;
  readonly shape: string;
  /** The first that has it. */
  readonly layer: string;
  /** Equal dispatches of the pass. */
  readonly count: number;
  /** Of one dispatch, as all below. */
  readonly operations: number;
  readonly bytes: number;
  readonly workgroups: number;
  /** Of a workgroup. */
  readonly invocations: number;
}
