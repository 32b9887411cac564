/** Invocations of a workgroup: `@workgroup_size` with its constants and overrides worked out. */
import type { Dispatch } from '../../src/runtime/command.ts';

/** Whole numbers, + - * / % and brackets: what sizes are made of in the kernels. */
function evaluate(expression: string, sizeOf: (name: string) => number): number {
  const tokens = expression.replace(/(\d+)u\b/g, '$1').match(/[A-Za-z_]\w*|\d+|[-+*/%()]/g) ?? [];
  let at = 0;
  const primary = (): number => {
    const token = tokens[at++]!;
    if (token === '(') {
      const value = sum();
      at++;
      return value;
    }
    return /^\d/.test(token) ? Number(token) : sizeOf(token);
  };
  const product = (): number => {
    let value = primary();
    while (/^[*/%]$/.test(tokens[at] ?? '')) {
      const [operator, right] = [tokens[at++], primary()];
      value = operator === '*' ? value * right : operator === '/' ? Math.floor(value / right) : value % right;
    }
    return value;
  };
  const sum = (): number => {
    let value = product();
    while (/^[-+]$/.test(tokens[at] ?? '')) {
      value = tokens[at++] === '+' ? value + product() : value - product();
    }
    return value;
  };
  return sum();
}

/** @throws Error where the source does not say it in a way that this reads */
export function invocationsOf({ kernel: { name, source, entryPoint }, overrides }: Dispatch): number {
  const size = new RegExp(`@workgroup_size\\(([^@]*)\\)\\s*fn ${entryPoint}\\(`).exec(source)?.[1];
  const sizeOf = (constant: string): number => {
    const given = overrides[constant];
    const declared = new RegExp(`^(?:const|override) ${constant}(?:: u32)? = (.*);`, 'm').exec(source)?.[1];
    if (given === undefined && declared === undefined) {
      throw new Error(`${name}: @workgroup_size(${size}) names ${constant}, which has no value`);
    }
    return given === undefined ? evaluate(declared!, sizeOf) : Number(given);
  };
  if (size === undefined) {
    throw new Error(`${name}: no @workgroup_size stands before fn ${entryPoint}`);
  }
  return size.split(',').reduce((product, axis) => product * evaluate(axis, sizeOf), 1);
}
