package source

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"

	"goodstate.dev/goodstate/backup/repository"
	"goodstate.dev/goodstate/backup/source/bucket"
	"goodstate.dev/goodstate/backup/storage"
)

func init() {
	register(Kind{
		Name:    "bucket",
		Help:    "the objects of an S3 bucket with their content types, metadata and tags; after the first time only what changed is read",
		Example: "bucket: {endpoint: \"https://s3.example.com\", bucket: photos, prefix: uploads/, access_key: {secret: s3-id}, secret_key: {secret: s3-key}}",
		New: func(decode func(any) error) (Source, error) {
			s := &bucketSource{}
			return s, decode(s)
		},
	})
}

type bucketSource struct {
	storage.S3Server `yaml:",inline"`
	Bucket           string        `yaml:"bucket" required:"true" help:"the bucket" example:"photos"`
	Prefix           string        `yaml:"prefix" help:"only objects whose keys begin so, as they are: a folder ends with a slash" example:"uploads/"`
	Versions         string        `yaml:"versions" default:"required" enum:"required,enable,any" help:"required: a bucket that keeps no versions of its objects is named as a problem of each copy; enable: it is told to keep them; any: it does not matter"`
	Replicate        *replica      `yaml:"replicate" help:"another bucket into which each copy puts the objects too, so that they can be used at once when this one is lost; what is deleted here stays there" example:"{endpoint: \"https://s3.elsewhere.example\", bucket: photos-away, access_key: {secret: away-id}, secret_key: {secret: away-key}}"`
	Drill            scratchBucket `yaml:"drill" help:"where drills put the objects" example:"{bucket: drills}"`
}

type replica struct {
	storage.S3Server `yaml:",inline"`
	Bucket           string `yaml:"bucket" required:"true" help:"the bucket" example:"photos-away"`
	Prefix           string `yaml:"prefix" help:"what the keys begin with there, in place of the prefix here" example:"uploads/"`
}

type scratchBucket struct {
	Bucket string `yaml:"bucket" help:"bucket on the same server in which a drill has a prefix of its own; without it a drill makes a bucket and removes it again" example:"drills"`
}

// reach makes clients, and what closes their connections.
func (s *bucketSource) reach(ctx context.Context, j Job) (bucket.Bucket, func(), error) {
	client, done, err := s.Client(ctx, storage.Env{Base: j.Base, Secret: j.Secret})
	return bucket.Bucket{Client: client, Name: s.Bucket, Prefix: s.Prefix}, done, err
}

// Backup copies the objects that changed, and puts them into the replica.
func (s *bucketSource) Backup(ctx context.Context, j Job) (Copied, error) {
	b, done, err := s.reach(ctx, j)
	if err != nil {
		return Copied{}, err
	}
	defer done()
	versioned, err := b.Versioned(ctx, s.Versions == "enable")
	if err != nil {
		return Copied{}, err
	}
	got, err := bucket.Copy(ctx, b, versioned, j.Repo, j.Parent, func(c bucket.Copied) {
		j.Say(Progress(j.Began, time.Now(), c.Objects, c.Bytes, j.Expected, true))
	})
	if err != nil {
		return Copied{}, err
	}
	if !versioned && s.Versions != "any" {
		got.Problems = append(got.Problems, fmt.Sprintf("bucket %s keeps no versions of its objects, so what is overwritten between two copies is lost; versions: enable turns them on, versions: any accepts it", s.Bucket))
	}
	got.Problems = append(got.Problems, s.replicate(ctx, j, b, versioned)...)
	id, err := j.Repo.SaveSnapshot(ctx, repository.Snapshot{Time: j.Began, Tree: got.Tree, Paths: []string{"/bucket.json", "/objects"}, Tags: []string{Tag(j.Application)}})
	return Copied{Snapshot: id, Files: got.Objects, Bytes: got.Bytes, Fresh: got.Saved.Plain, Written: got.Saved.Written, Problems: got.Problems, Complete: len(got.Problems) == 0}, err
}

// replicate keeps the other bucket, and says what it lacks.
func (s *bucketSource) replicate(ctx context.Context, j Job, from bucket.Bucket, versioned bool) []string {
	if s.Replicate == nil {
		return nil
	}
	j.Say("objects are put into bucket " + s.Replicate.Bucket)
	client, done, err := s.Replicate.Client(ctx, storage.Env{Base: j.Base, Secret: j.Secret})
	if err != nil {
		return []string{"replica: " + err.Error()}
	}
	defer done()
	res, err := bucket.Mirror(ctx, from, versioned, bucket.Bucket{Client: client, Name: s.Replicate.Bucket, Prefix: s.Replicate.Prefix})
	var all []string
	if err != nil {
		all = append(all, "replica: "+err.Error())
	}
	for _, p := range res.Problems {
		all = append(all, "replica: "+p)
	}
	return all
}

// Restore puts the objects back.
func (s *bucketSource) Restore(ctx context.Context, j Job, snap repository.Snapshot, to Place) (Restored, error) {
	if to.Bucket == nil {
		return Restored{}, errors.New("objects of a bucket come back in a bucket only: say --in-place or --bucket")
	}
	b, done, err := s.reach(ctx, j)
	if err != nil {
		return Restored{}, err
	}
	defer done()
	b.Name, b.Prefix = to.Bucket.Name, to.Bucket.Prefix
	back, err := bucket.Restore(ctx, b, j.Repo, snap, bucket.Options{Replace: to.Replace, Plan: to.Bucket.Plan, Compare: to.Bucket.Drill, Say: func(r bucket.Back) {
		j.Say(Progress(j.Began, time.Now(), r.Created+r.Updated, r.Bytes, j.Expected, true))
	}})
	return Restored{
		Files: back.Created + back.Updated + back.Same, Bytes: back.Bytes, Problems: back.Problems, Created: back.Created, Updated: back.Updated, Kept: back.Same, Changes: back.Changes,
	}, err
}

// Original is the bucket itself.
func (s *bucketSource) Original(context.Context, Job) (Place, error) {
	return Place{Bucket: &Bucket{Name: s.Bucket, Prefix: s.Prefix}, Replace: true}, nil
}

// Scratch is a bucket of the drill's own, or a prefix in the one that the configuration names. What a drill that was killed left there goes first.
func (s *bucketSource) Scratch(ctx context.Context, j Job) (Place, func(context.Context) error, error) {
	b, shut, err := s.reach(ctx, j)
	if err != nil {
		return Place{}, nil, err
	}
	sum := sha256.Sum256([]byte(j.State + "\x00" + s.Endpoint + "\x00" + s.Bucket + "\x00" + j.Application))
	name := "goodstate-drill-" + hex.EncodeToString(sum[:6])
	scratch := bucket.Bucket{Client: b.Client, Name: name}
	if s.Drill.Bucket != "" {
		scratch.Name, scratch.Prefix = s.Drill.Bucket, name+"/"
	}
	done := func(ctx context.Context) error {
		defer shut()
		err := scratch.Empty(ctx)
		if err == nil && s.Drill.Bucket == "" {
			err = b.Client.RemoveBucket(ctx, scratch.Name)
		}
		if err != nil {
			return fmt.Errorf("remove what the drill made in %s: %w", scratch, err)
		}
		return nil
	}
	there, err := b.Client.BucketExists(ctx, scratch.Name)
	if err == nil && there {
		err = scratch.Empty(ctx)
	}
	if err == nil && !there && s.Drill.Bucket == "" {
		err = b.Client.MakeBucket(ctx, scratch.Name, minio.MakeBucketOptions{Region: s.Region})
	}
	if err != nil {
		shut()
		return Place{}, nil, fmt.Errorf("scratch place of the drill, %s: %w", scratch, err)
	}
	return Place{Bucket: &Bucket{Name: scratch.Name, Prefix: scratch.Prefix, Drill: true}}, done, nil
}

// Recovery restores in place or beside.
func (s *bucketSource) Recovery(application string) []Step {
	restore := "goodstate backup restore " + application
	return []Step{
		{What: "See which objects would be made and which replaced; nothing is changed", Lines: restore + " --in-place --plan"},
		{What: "Bring the objects back into the bucket. Objects that the restore point does not have stay", Lines: restore + " --in-place", Restores: true},
		{What: "Or into another bucket of the same server, which is there already; after a slash what keys begin with", Lines: "BUCKET=" + ShellQuoted(s.Bucket+"-recovered") + "\n" + restore + ` --bucket "$BUCKET"`},
	}
}

// ByRestic takes the objects out as files, without their metadata where the file system takes no attributes.
func (s *bucketSource) ByRestic(restic, point string) []Step {
	to := ShellQuoted("s3://" + strings.Trim(s.Bucket, "/"))
	return []Step{
		{What: "Take the objects out as files, below recovered/objects. Content types, metadata and tags are in their attribute user.goodstate.object, as JSON", Lines: restic + " restore" + point + " --target recovered"},
		{What: "Put them into the bucket by any client of S3, here that of AWS. Names with a percent sign stand for keys that no file can have: %25 is a percent sign, %empty nothing, and %object is at the end of a file that a folder is called like", Lines: "aws --endpoint-url " + ShellQuoted(s.Endpoint) + " s3 sync recovered/objects " + to},
	}
}
