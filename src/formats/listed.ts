/** Some of many names, in a sentence. @param most how many are named */
export function listed(names: readonly string[], most = 3): string {
  return names.length > most ? `${names.slice(0, most).join(', ')} and ${names.length - most} more` : names.join(', ');
}
