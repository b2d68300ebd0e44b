"""The files that detections are written to: tables, label tracks of audio editors, subtitles. All hold the same rows."""
