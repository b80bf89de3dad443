/* serve/lab.h - the sealed one-shot: lines on standard input become events as JSON on standard
 * output, one a line. It has no files, no network and no children after its seal: a hostile file
 * that breaks a parser breaks only this. */
#ifndef SERVE_LAB_H
#define SERVE_LAB_H

/* The whole main(). argv: [--format NAME] [--zone SECONDS]. Exit 0; 2 wrong usage; 3 failed. */
int lab_main(int argc, char **argv);

#endif
