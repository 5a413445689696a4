"""What the pages share: session, toolbar, frame, sharing. Imports components and below."""
