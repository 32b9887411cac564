/** What volsam uses of modules that have no types. */
declare module 'dcmjs' {
  type Dataset = Record<string, unknown>;
  interface DicomDict {
    dict: Dataset;
    write(): ArrayBuffer;
  }
  const dcmjs: {
    data: {
      DicomDict: new (meta: Dataset) => DicomDict;
      DicomMetaDictionary: { denaturalizeDataset(dataset: Dataset): Dataset; uid(): string };
    };
  };
  export default dcmjs;
}

declare module 'comlink/dist/esm/node-adapter.mjs' {
  export { default, type NodeEndpoint } from 'comlink/dist/esm/node-adapter';
}
