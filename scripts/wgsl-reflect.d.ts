// The package's main entry does not load in Node; its module file does, and has the same exports.
declare module 'wgsl_reflect/wgsl_reflect.module.js' {
  export * from 'wgsl_reflect';
}
