// Reading aloud, only by voices on the reader's own machine: some browsers' voices send the text to their maker.

const speech = window.speechSynthesis;
let ended = () => {};

function voiceFor(language) {
  const wanted = language.toLowerCase().split("-")[0];
  return speech?.getVoices().find((voice) => voice.localService && voice.lang.toLowerCase().startsWith(wanted));
}

function languageOf(text) {
  return /[\u4e00-\u9fff]/.test(text) ? "zh" : "en";
}

export function canReadAloud() {
  return Boolean(speech && (voiceFor("en") || voiceFor("zh")));
}

export function readAloud(text, whenEnded) {
  stopReading();
  const spoken = new SpeechSynthesisUtterance(text);
  const voice = voiceFor(languageOf(text));
  if (!voice) {
    whenEnded();
    return;
  }
  spoken.voice = voice;
  spoken.lang = voice.lang;
  ended = whenEnded;
  spoken.addEventListener("end", () => stopReading());
  spoken.addEventListener("error", () => stopReading());
  speech.speak(spoken);
}

export function stopReading() {
  const tell = ended;
  ended = () => {};
  speech?.cancel();
  tell();
}
