/** What volsam uses of dcmjs, which has no types. */
declare module 'dcmjs' {
  type Dataset = Record<string, unknown>;
  interface DicomDict { dict: Dataset; write(): ArrayBuffer }
  const dcmjs: {
    data: {
      DicomDict: new (meta: Dataset) => DicomDict;
      DicomMetaDictionary: { denaturalizeDataset(dataset: Dataset): Dataset; uid(): string };
    };
  };
  export default dcmjs;
}
