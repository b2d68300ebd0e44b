// Moves the lines in the drawing of the example with its video, and its video to a click in the drawing.
for (const example of document.querySelectorAll(".example")) {
  const video = example.querySelector("video");
  const drawing = example.querySelector("svg");
  const span = drawing.querySelector("[id=playhead-span]");
  const lines = drawing.querySelectorAll("[id=playhead-0], [id=playhead-1]");
  const move = () => {
    const width = span.getBBox().width;
    const x = video.duration ? (width * video.currentTime) / video.duration : 0;
    for (const line of lines) line.setAttribute("transform", `translate(${x.toFixed(2)} 0)`);
    if (!video.paused) requestAnimationFrame(move);
  };
  for (const event of ["loadedmetadata", "play", "seeked", "timeupdate"]) video.addEventListener(event, move);
  drawing.addEventListener("click", (click) => {
    const box = span.getBoundingClientRect();
    const share = (click.clientX - box.left) / box.width;
    if (share >= 0 && share <= 1) video.currentTime = share * video.duration;
  });
}
