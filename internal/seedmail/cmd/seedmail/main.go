// Seedmail writes a mailbox for tests and benchmarks into a Maildir, the same for the same seed:
//
//	go run ./internal/seedmail/cmd/seedmail --maildir DIR --messages 10000 --seed 1
package main

import (
	"flag"
	"fmt"
	"os"

	"github.com/mbaudit/mbaudit/internal/seedmail"
)

func main() {
	os.Exit(run())
}

func run() int {
	var spec seedmail.Spec
	dir := flag.String("maildir", "", "write into this Maildir, as Dovecot keeps it")
	flag.Uint64Var(&spec.Seed, "seed", 1, "the same seed gives the same mailbox")
	flag.IntVar(&spec.Messages, "messages", 1000, "how many messages, all folders together")
	flag.IntVar(&spec.MeanSize, "mean-size", 0, "bytes of a message, about (default 8 KiB)")
	flag.BoolVar(&spec.Large, "large", false, "make the last message one of 30 MB")
	flag.BoolVar(&spec.Clean, "clean", false, "leave out messages that break the standards")
	flag.StringVar(&spec.Owner, "owner", "", "address of the mailbox (default alice@example.test)")
	inbox := flag.Bool("inbox", false, "put everything into INBOX")
	compromised := flag.Bool("compromised", false, "write the compromised mailbox of the demo instead")
	flag.Parse()
	if *dir == "" || flag.NArg() > 0 {
		fmt.Fprintln(os.Stderr, "usage: seedmail --maildir DIR [--messages N] [--seed S] [--large] …")
		flag.PrintDefaults()
		return 2
	}
	if *inbox {
		spec.Folders = []string{"INBOX"}
	}
	var sum seedmail.Summary
	var err error
	if *compromised {
		sum, err = seedmail.WriteCompromised(*dir)
	} else {
		sum, err = seedmail.WriteMaildir(*dir, spec)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "seedmail: error:", err)
		return 1
	}
	fmt.Printf("%d messages, %d bytes, %d folders\n", sum.Messages, sum.Bytes, sum.Folders)
	return 0
}
